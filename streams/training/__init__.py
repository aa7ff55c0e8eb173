"""Fine-tune jobs and live critics, run beside the stages."""
