"""Reports: self-contained HTML pages about the claims of the theory, or about a user's own data.

- `theory`: the content of the page about all claims, figures and recorded studies, from files that other commands wrote.
- `dataset`: the content of the page about one data set: its interpolant or fit, certificate, and trained networks.
- `page`: turns a content into one HTML file, through the templates in `templates/`. A page loads nothing from elsewhere.
- `mathematics`: formulas in LaTeX as MathML.

Needs jinja2 and latex2mathml: `pip install 'vvnorm[report]'`.
"""
