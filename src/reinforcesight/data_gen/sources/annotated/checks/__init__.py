"""Checks of annotated input as a whole: are boxes, depth and cameras in the documented format?"""
