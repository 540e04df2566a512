"""A network camera: drawn or real scenes as RTP/JPEG over RTSP."""
