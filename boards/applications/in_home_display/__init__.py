"""The sample application: a small In-Home Display with a prepayment balance."""
