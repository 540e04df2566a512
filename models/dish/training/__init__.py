"""How the small embedding was made: pictures drawn and cut, a teacher network, a student, an ONNX file."""
