"""What a capture has to tell, in the form that suits who asks: pages and drawings made of opened messages.

Everything here reads `gsakmp.captures.opened.Opened` records, one after the other, and changes nothing.
"""
