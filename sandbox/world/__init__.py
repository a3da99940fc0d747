"""A seeded Vietnamese world whose truth is known."""

from sandbox.world.world import World, advance, generate, world_at

__all__ = ["World", "advance", "generate", "world_at"]
