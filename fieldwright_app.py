"""Entry module of the desktop and mobile packages made by `flet build`.

Owns nothing: `flet build` looks for its entry module beside pyproject.toml, the app lives in `field_app`.
"""

from field_app.main import main

if __name__ == "__main__":
    main()
