"""What a server offered: ids and size from Query Next Image Response, and who the server is."""


class Offer:
    """manufacturer_code, image_type, file_version, file_size (bytes of the whole upgrade file);
    server_address, server_endpoint, profile: where Image Block Requests go."""

    def __init__(self):
        self.manufacturer_code = 0
        self.image_type = 0
        self.file_version = 0
        self.file_size = 0
        self.server_address = 0
        self.server_endpoint = 0
        self.profile = 0

    def copy_from(self, other):
        """Take over every field of ``other``, an Offer or a State."""
        copy(other, self)

    def same_image(self, other):
        """The same ids, version and size: the server may differ."""
        return (
            self.manufacturer_code == other.manufacturer_code
            and self.image_type == other.image_type
            and self.file_version == other.file_version
            and self.file_size == other.file_size
        )


def copy(source, target):
    """The fields of an Offer from one Offer or State to another."""
    target.manufacturer_code = source.manufacturer_code
    target.image_type = source.image_type
    target.file_version = source.file_version
    target.file_size = source.file_size
    target.server_address = source.server_address
    target.server_endpoint = source.server_endpoint
    target.profile = source.profile
