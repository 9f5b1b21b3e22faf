"""What a training step needs: losses, class weights, optimizers, schedules and numeric precision."""
