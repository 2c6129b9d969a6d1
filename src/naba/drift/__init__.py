"""Has the text changed, have the labels, and which words and sources say so?"""
