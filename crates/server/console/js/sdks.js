// The official SDKs that this server is tested with, as their package managers name them.

export const PYTHON_SDK = "twelvelabs==1.3.6";
export const NODE_SDK = "twelvelabs-js@1.3.4";
