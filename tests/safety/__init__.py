"""No run can hurt another: each kind of harm, and the runs that must not notice."""
