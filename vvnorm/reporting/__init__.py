"""Reports: self-contained HTML pages about the claims of the theory, or about a user's own data.

- `theory`: content of the page about all claims, figures and recorded studies, from files that other commands wrote.
- `dataset`: content of the page about a data set: its interpolant or fit, the certificate, and trained networks.
- `page`: turns a content into an HTML file by the templates in `templates/`. A page loads no other file.
- `mathematics`: formulas in LaTeX as MathML.

Needs jinja2 and latex2mathml: `pip install 'vvnorm[report]'`.
"""
