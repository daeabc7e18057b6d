"""The version of trioflow. The build reads it here, and so does who must not take long."""

__version__ = "0.1.0"
