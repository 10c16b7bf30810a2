"""The one place where ports meet adapters: settings in, a frozen App out."""
