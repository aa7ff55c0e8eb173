"""Everything of Adloom that runs all day: stages, sink, delivery, local stack."""
