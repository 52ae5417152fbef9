"""What every route needs, made once for an application: settings, limits, metrics, pages."""
