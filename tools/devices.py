"""The kinds of device that we serve, as a command line names them."""

# The OTA image type is the GB device type (RTDS device types; HCALCS by inference).
IMAGE_TYPES = {"ppmid": 0x0084, "ihd": 0x0080, "hcalcs": 0x000D}

# Smart Energy device ids: Prepayment Terminal, In-Home Display, Load Control Device.
DEVICE_IDS = {"ppmid": 0x0506, "ihd": 0x0502, "hcalcs": 0x0504}
