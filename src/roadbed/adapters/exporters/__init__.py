"""From a trained object to a served artifact, one file per framework."""
