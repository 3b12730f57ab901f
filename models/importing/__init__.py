"""Other people's models brought into packages: nnU-Net v2 folders, ONNX files, MONAI bundles, packed packages.

Formats that can run code when they are read (pickled checkpoints, MONAI's configurations, TorchScript) are converted
once, on a person's explicit word, in a process of its own without network; what comes out is a graph of standard
operators, read back and checked here.
"""
