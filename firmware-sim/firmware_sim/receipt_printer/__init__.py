"""An ESC/POS receipt printer whose paper can be read back."""
