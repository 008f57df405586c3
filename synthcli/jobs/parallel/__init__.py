"""Work carried out several pieces at a time: in processes of this machine, or on a cluster."""
