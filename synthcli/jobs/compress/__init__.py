"""Teachers made smaller: probed, distilled, merged, healed, and held against what they were."""
