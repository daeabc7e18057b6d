"""What runs do while what they need is away: the database, room on the disk, threads, the time."""
