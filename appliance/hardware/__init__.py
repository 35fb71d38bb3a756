"""Cameras, microphones, buttons and lights: the boards, chosen by name (:func:`appliance.hardware.board.make_board`)."""
