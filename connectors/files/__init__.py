"""Files dropped in a folder or on an SFTP server."""
