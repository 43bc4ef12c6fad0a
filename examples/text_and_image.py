"""One embedding from text and images, with the official TwelveLabs Python SDK against onespace.

    pip install twelvelabs==1.3.6
    export TWELVELABS_BASE_URL=http://127.0.0.1:8080/v1.3
    export TWELVE_LABS_API_KEY=<the key that onespace printed>
    python text_and_image.py
"""

import base64
import os
from pathlib import Path

from twelvelabs import MultiInputMediaSource, MultiInputRequest, TwelveLabs

API_KEY = os.environ.get("TWELVE_LABS_API_KEY", "<YOUR_API_KEY>")
PICTURES = Path(__file__).resolve().parent / "pictures"

# 1. The client. It reads the address of the server from TWELVELABS_BASE_URL.
client = TwelveLabs(api_key=API_KEY)

# 2. Upload an image. method="url", url="https://…" takes one from the web instead.
with open(PICTURES / "cat.png", "rb") as picture:
    asset = client.assets.create(method="direct", file=picture)
print(f"Created asset: {asset.id}")

# 3. Text and image together become one embedding.
response = client.embed.v_2.create(
    input_type="multi_input",
    model_name="marengo3.0",
    multi_input=MultiInputRequest(
        media_sources=[MultiInputMediaSource(media_type="image", asset_id=asset.id)],
        input_text="A drawing of a cat",
    ),
)
print(f"Number of embeddings: {len(response.data)}")
print(f"Embedding dimensions: {len(response.data[0].embedding)}")
print(f"First 5 values: {response.data[0].embedding[:5]}")

# 4. Named images: each `<@name>` in the text stands for the picture of that name. A picture comes
#    from an asset, from base64 text or from a URL (here only when PICTURE_URL is set).
house = base64.b64encode((PICTURES / "house.jpg").read_bytes()).decode("ascii")
sources = [
    MultiInputMediaSource(name="img1", media_type="image", asset_id=asset.id),
    MultiInputMediaSource(name="img2", media_type="image", base_64_string=house),
]
text = "The animal of <@img1> in front of the building of <@img2>"
if picture_url := os.environ.get("PICTURE_URL"):
    sources.append(MultiInputMediaSource(name="img3", media_type="image", url=picture_url))
    text += ", painted like <@img3>"
response = client.embed.v_2.create(
    input_type="multi_input",
    model_name="marengo3.0",
    multi_input=MultiInputRequest(media_sources=sources, input_text=text),
)
print(f"Number of embeddings of {len(sources)} named images: {len(response.data)}")
print(f"First 5 values: {response.data[0].embedding[:5]}")

# 5. Clean up.
client.assets.delete(asset.id)
