"""The queue processor: claims rows, sends them at their slots, settles what came back."""
