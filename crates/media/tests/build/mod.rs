//! Picture files put together by hand, for tests that need what no encoder writes.

#![expect(dead_code, reason = "each test binary uses another part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot build its file has failed")]

use std::fs;
use std::path::Path;

/// A PNG of chunks, checksums added; `IEND` is not added.
pub(crate) fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let body = [kind.as_slice(), data].concat();
        bytes.extend(&body);
        bytes.extend(crc32fast::hash(&body).to_be_bytes());
    }
    bytes
}

/// `IHDR` data of an 8-bit picture.
pub(crate) fn ihdr(width: u32, height: u32, color_type: u8) -> Vec<u8> {
    let mut data = [width.to_be_bytes(), height.to_be_bytes()].concat();
    data.extend([8, color_type, 0, 0, 0]);
    data
}

/// A black grey PNG as an encoder writes it.
pub(crate) fn black_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; width as usize * height as usize]).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A JPEG frame header segment for three components without subsampling.
pub(crate) fn sof(marker: u8, width: u16, height: u16) -> Vec<u8> {
    let mut segment = vec![0xff, marker, 0, 17, 8];
    segment.extend(height.to_be_bytes());
    segment.extend(width.to_be_bytes());
    segment.extend([3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    segment
}

/// A JPEG scan header for one component, with one byte of data.
pub(crate) const SCAN: [u8; 11] = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 0x55];

/// A GIF: screen, two-colour palette (red, blue), blocks, trailer.
pub(crate) fn gif(width: u16, height: u16, blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([0x80, 0, 0, 255, 0, 0, 0, 0, 255]);
    blocks.iter().for_each(|block| bytes.extend(block));
    bytes.push(0x3b);
    bytes
}

/// A GIF image block of `width x height` pixels, all of one palette index: LZW codes of three
/// bits, a clear code before every second pixel so that codes never grow.
pub(crate) fn gif_frame(place: [u16; 4], index: u8) -> Vec<u8> {
    let [_, _, width, height] = place;
    let mut block = vec![0x2c];
    place.iter().for_each(|value| block.extend(value.to_le_bytes()));
    block.extend([0, 2]);
    let (clear, end) = (4, 5);
    let pixels = usize::from(width) * usize::from(height);
    let mut codes = Vec::new();
    for at in 0..pixels {
        if at % 2 == 0 {
            codes.push(clear);
        }
        codes.push(index);
    }
    codes.push(end);
    let mut data = vec![0_u8; (codes.len() * 3).div_ceil(8)];
    for (at, code) in codes.iter().enumerate() {
        for bit in 0..3 {
            let position = at * 3 + bit;
            data[position / 8] |= (code >> bit & 1) << (position % 8);
        }
    }
    for part in data.chunks(255) {
        block.push(u8::try_from(part.len()).unwrap());
        block.extend(part);
    }
    block.push(0);
    block
}

/// A WebP of chunks.
pub(crate) fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, data) in chunks {
        body.extend(kind.as_slice());
        body.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend(*data);
        if data.len() % 2 == 1 {
            body.push(0);
        }
    }
    let size = u32::try_from(body.len()).unwrap().to_le_bytes();
    [b"RIFF".as_slice(), &size, &body].concat()
}

/// The data of the first chunk of a kind in a WebP file.
pub(crate) fn webp_chunk(file: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    let mut at = 12;
    while at + 8 <= file.len() {
        let size = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        if &file[at..at + 4] == kind {
            return file[at + 8..at + 8 + size].to_vec();
        }
        at += 8 + size + size % 2;
    }
    panic!("no such chunk");
}

/// `VP8X` data.
pub(crate) fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut data = vec![flags, 0, 0, 0];
    data.extend(&(width - 1).to_le_bytes()[..3]);
    data.extend(&(height - 1).to_le_bytes()[..3]);
    data
}

/// One of the golden pictures.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures");
    fs::read(folder.join(name)).unwrap()
}

/// All golden pictures by name, sorted.
pub(crate) fn goldens() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), golden(&name))).collect()
}
