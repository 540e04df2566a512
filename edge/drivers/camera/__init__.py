"""Cameras over the network (RTSP), on USB, or played from a file, all by OpenCV."""

from edge.drivers.base import DriverInfo
from edge.drivers.camera.driver import VideoCamera
from edge.drivers.camera.settings import CameraSettings

DRIVER = DriverInfo(kind="camera", capability="camera", settings=CameraSettings, make=VideoCamera)
