"""Operations that more than one implementation may serve; the reference is plain torch."""
