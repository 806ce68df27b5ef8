"""What all HTML pages share: base template, style, pictures with boxes, charts, question cards."""
