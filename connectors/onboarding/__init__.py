"""What an engineer sees of a source before and between pulls: checks, drafts, differences, the reference of its keys."""
