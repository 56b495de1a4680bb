(** * What each theorem rests on

    [Check] confirms that a theorem proves the statement of its name in Statement.v, and
    [Print Assumptions] lists every axiom that its proof uses. *)

From Formal Require Import Statement LowerBound ConnectTheDots Rescaling Stability Uniqueness CheckerSound Example.

Check (lower_bound : lower_bound_statement).
Check (attained : attained_statement).
Check (connect_the_dots_optimal : connect_the_dots_optimal_statement).
Check (connects_the_dots : connects_the_dots_statement).
Check (rescaling : rescaling_statement).
Check (weight_decay_penalty : weight_decay_penalty_statement).
Check (balancing : balancing_statement).
Check (least_weight_decay : least_weight_decay_statement).
Check (stability : stability_statement).
Check (uniqueness : uniqueness_statement).
Check (checker : checker_statement).

Print Assumptions lower_bound.
Print Assumptions attained.
Print Assumptions connect_the_dots_optimal.
Print Assumptions connects_the_dots.
Print Assumptions rescaling.
Print Assumptions weight_decay_penalty.
Print Assumptions balancing.
Print Assumptions least_weight_decay.
Print Assumptions stability.
Print Assumptions uniqueness.
Print Assumptions checker.
Print Assumptions example.
