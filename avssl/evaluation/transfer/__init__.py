"""Knowledge transfer: teachers of any kind compared by what one common student learns from their clusters."""
