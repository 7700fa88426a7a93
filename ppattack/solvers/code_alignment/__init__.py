"""Images from codes alone: the victims' cloud of codes laid over that of an own encoder."""
