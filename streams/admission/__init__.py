"""What may enter: records judged, people pseudonymised."""
