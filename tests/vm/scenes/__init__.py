"""What is played on the virtual board, in this order. A scene is a function of the stage; its docstring is what it shows."""
