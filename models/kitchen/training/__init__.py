"""How a network for hats, cigarettes or rats is made from labelled pictures: cuts, a small network, an ONNX file."""
