"""What every process of Adloom's needs: clock, health, memory, signals."""
