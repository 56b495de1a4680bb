(** * What each theorem rests on

    [Check] confirms that a theorem proves the statement of its name in Statement.v, and
    [Print Assumptions] lists every axiom that its proof uses. *)

From Formal Require Import Statement LowerBound ConnectTheDots Rescaling Stability Uniqueness CheckerSound Example.

Check (lower_bound : Formal.Statement.lower_bound_statement).
Check (attained : Formal.Statement.attained_statement).
Check (connect_the_dots_optimal : Formal.Statement.connect_the_dots_optimal_statement).
Check (connects_the_dots : Formal.Statement.connects_the_dots_statement).
Check (rescaling : Formal.Statement.rescaling_statement).
Check (weight_decay_penalty : Formal.Statement.weight_decay_penalty_statement).
Check (balancing : Formal.Statement.balancing_statement).
Check (least_weight_decay : Formal.Statement.least_weight_decay_statement).
Check (stability : Formal.Statement.stability_statement).
Check (residuals : Formal.Statement.residuals_statement).
Check (uniqueness : Formal.Statement.uniqueness_statement).
Check (checker : Formal.Statement.checker_statement).

Print Assumptions lower_bound.
Print Assumptions attained.
Print Assumptions connect_the_dots_optimal.
Print Assumptions connects_the_dots.
Print Assumptions rescaling.
Print Assumptions weight_decay_penalty.
Print Assumptions balancing.
Print Assumptions least_weight_decay.
Print Assumptions stability.
Print Assumptions residuals.
Print Assumptions uniqueness.
Print Assumptions checker.
Print Assumptions example.
