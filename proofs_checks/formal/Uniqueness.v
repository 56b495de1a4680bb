(** * Connect-the-dots is the only solution exactly if no neighbouring curvatures are aligned

    If none are aligned, every cosine is below 1, and the stability bound with e = 0 says that
    every solution is at distance 0 from connect-the-dots.

    If the curvatures i and i + 1 are aligned, the knots at x_{i+1} and x_{i+2} can be replaced
    by a single one between them, where the two chords beside them cross: the value at every
    data point and the VV norm stay the same, and the value at the new knot changes. *)

From Coq Require Import Reals Lra Lia Psatz.
From Formal Require Import Statement Vectors OneNeuron LowerBound ConnectTheDots Stability.
Open Scope R_scope.

Section Data.
Variable D : data.
Hypothesis HD : valid D.

Let N := points D.
Let T := outputs D.
Let x := input D.

(** ** Not aligned: the cosine is below 1 *)

Lemma equality_case u v :
  norm T u <> 0 -> norm T v <> 0 -> dot T u v = norm T u * norm T v ->
  forall t, (t < T)%nat -> v t = norm T v / norm T u * u t.
Proof.
  intros Hu Hv E t Ht.
  assert (Z : norm T (fun t => norm T v * u t + (- norm T u) * v t) = 0).
  { apply Rsqr_0_uniq. unfold Rsqr.
    rewrite norm_sqr, dot_plus_l, !dot_plus_r, !dot_scale_l, !dot_scale_r, (dot_comm T v u), E,
      <- !norm_sqr. ring. }
  pose proof (norm_zero_entries T _ Z t Ht) as Zt. simpl in Zt.
  apply Rmult_eq_reg_l with (norm T u); [|exact Hu].
  replace (norm T u * (norm T v / norm T u * u t)) with (norm T v * u t) by (field; exact Hu). lra.
Qed.

Lemma cosine_below_1 i : ~ aligned D i -> cosine D i < 1.
Proof.
  intros A.
  assert (L : cosine D i <= 1).
  { rewrite <- direction_cosine. eapply Rle_trans; [apply cauchy_schwarz|].
    pose proof (direction_norm D i). pose proof (direction_norm D (S i)).
    pose proof (norm_nonneg (outputs D) (direction D i)).
    pose proof (norm_nonneg (outputs D) (direction D (S i))). nra. }
  destruct L as [L|E]; [exact L|]. exfalso. apply A. clear A.
  unfold cosine in E. fold T in E.
  assert (P : norm T (curvature D i) * norm T (curvature D (S i)) <> 0).
  { intros Z. assert (dot T (curvature D i) (curvature D (S i)) = 0) as Z0.
    { destruct (Rmult_integral _ _ Z) as [Z1|Z1]; apply sum_zero; intros t Ht;
        rewrite (norm_zero_entries T _ Z1 t Ht); ring. }
    rewrite Z0 in E. unfold Rdiv in E. lra. }
  assert (Hu : norm T (curvature D i) <> 0) by (intros Z; apply P; rewrite Z; ring).
  assert (Hv : norm T (curvature D (S i)) <> 0) by (intros Z; apply P; rewrite Z; ring).
  assert (E' : dot T (curvature D i) (curvature D (S i))
    = norm T (curvature D i) * norm T (curvature D (S i))).
  { apply Rmult_eq_reg_r with (/ (norm T (curvature D i) * norm T (curvature D (S i))));
      [|now apply Rinv_neq_0_compat].
    rewrite Rinv_r by exact P. exact E. }
  pose proof (norm_nonneg T (curvature D i)). pose proof (norm_nonneg T (curvature D (S i))).
  split.
  - apply some_entry. exact Hu.
  - exists (norm T (curvature D (S i)) / norm T (curvature D i)). split.
    + apply Rdiv_lt_0_compat; lra.
    + intros t Ht. now apply equality_case.
Qed.

Lemma only_solution f : (forall i, (S i < N - 2)%nat -> ~ aligned D i) ->
  solution D f -> same_function T f (connect_the_dots D).
Proof.
  intros A [Hf V] z t Ht. destruct HD as [enough increasing]. fold N in enough.
  assert (V' : vv_norm (outputs D) f <= cost D + 0) by lra.
  destruct (stability D f 0 HD Hf V') as (inside & first & last & left & right).
  fold N x in inside, first, last, left, right.
  assert (Z : distance D f z <= 0).
  { destruct (locate D z (N - 1) ltac:(lia)) as [L|[U|[i [Hi Hz]]]].
    - specialize (left z L). lra.
    - specialize (right z U). lra.
    - destruct i as [|i].
      + specialize (first z Hz). lra.
      + destruct (Nat.eq_dec (S i) (N - 2)) as [E|].
        * specialize (last z). replace (N - 1)%nat with (S (N - 2)) in last by lia.
          rewrite <- E in last. specialize (last Hz). lra.
        * assert (H : (S i < N - 2)%nat) by lia.
          specialize (inside i z H (cosine_below_1 i (A i H)) Hz).
          unfold Rdiv in inside. lra. }
  pose proof (norm_nonneg T (fun t => eval f z t - eval (connect_the_dots D) z t)).
  unfold distance in Z. fold T in Z.
  assert (Z0 : norm T (fun t => eval f z t - eval (connect_the_dots D) z t) = 0) by lra.
  pose proof (norm_zero_entries T _ Z0 t Ht) as E. simpl in E. lra.
Qed.

(** ** Aligned: a second solution *)

Section Aligned.
Variable i : nat.
Hypothesis Hi : (S i < N - 2)%nat.
Variable r : R.
Hypothesis Hr : 0 < r.
Hypothesis same_direction :
  forall t, (t < T)%nat -> curvature D (S i) t = r * curvature D i t.

(** Where the chords beside the interval [x_{i+1}, x_{i+2}] cross. *)
Definition crossing : R := (x (S i) + r * x (S (S i))) / (1 + r).

Definition tent : network := {|
  width := N - 2;
  weight := fun _ => 1;
  bias := fun k => if Nat.eqb k i then - crossing else - x (S k);
  output := fun k t =>
    if Nat.eqb k i then (1 + r) * curvature D i t
    else if Nat.eqb k (S i) then 0 else curvature D k t;
  skip := slope D 0;
  offset := fun t => label D 0 t - slope D 0 t * x 0%nat
|}.

Lemma crossing_inside : x (S i) < crossing < x (S (S i)).
Proof.
  destruct HD as [_ increasing].
  pose proof (increasing (S i) ltac:(unfold N in *; lia)) as L. fold x in L.
  unfold crossing.
  split; apply Rmult_lt_reg_r with (1 + r); try lra;
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; nra.
Qed.

(** What the tent's two neurons and the two original ones add differs between the knots only. *)
Lemma tent_difference z t : (t < T)%nat ->
  eval tent z t - eval (connect_the_dots D) z t
  = curvature D i t * ((1 + r) * relu (z - crossing) - relu (z - x (S i)) - r * relu (z - x (S (S i)))).
Proof.
  intros Ht. unfold eval. simpl. fold N x.
  match goal with |- ?p + _ + _ - (?q + _ + _) = ?s => enough (p - q = s) by lra end.
  rewrite <- sum_minus, (sum_two_only _ _ i Hi).
  - rewrite Nat.eqb_refl, (proj2 (Nat.eqb_neq (S i) i)), Nat.eqb_refl by lia.
    rewrite same_direction by exact Ht.
    replace (1 * z + - crossing) with (z - crossing) by ring.
    replace (1 * z + - x (S i)) with (z - x (S i)) by ring.
    replace (1 * z + - x (S (S i))) with (z - x (S (S i))) by ring. ring.
  - intros k _ H1 H2.
    rewrite (proj2 (Nat.eqb_neq k i)), (proj2 (Nat.eqb_neq k (S i))) by lia. ring.
Qed.

Lemma tent_solution : solution D tent.
Proof.
  pose proof crossing_inside as [L U]. split.
  - intros j t Hj Ht.
    rewrite <- (connect_the_dots_interpolates D HD j t Hj Ht).
    apply Rminus_diag_uniq. rewrite tent_difference by exact Ht. fold x.
    assert (C : x j <= x (S i) \/ x (S (S i)) <= x j).
    { destruct (Nat.le_gt_cases j (S i)); [left | right];
        apply (increasing_le D HD); unfold N in *; lia. }
    unfold relu. destruct C.
    + rewrite !Rmax_left by lra. ring.
    + rewrite !Rmax_right by lra.
      replace ((1 + r) * (x j - crossing)) with ((1 + r) * x j - (x (S i) + r * x (S (S i))))
        by (unfold crossing; field; lra). ring.
  - rewrite <- (connect_the_dots_cost D). apply Rminus_diag_uniq.
    unfold vv_norm. simpl. fold N T. rewrite <- sum_minus, (sum_two_only _ _ i Hi).
    + rewrite Nat.eqb_refl, (proj2 (Nat.eqb_neq (S i) i)), Nat.eqb_refl by lia.
      cbv beta iota.
      rewrite (norm_scale T (1 + r) (curvature D i)), (norm_zero T (fun _ => 0)) by reflexivity.
      rewrite (norm_ext T (curvature D (S i)) (fun t => r * curvature D i t)) by exact same_direction.
      rewrite norm_scale, Rabs_R1, !Rabs_pos_eq by lra. ring.
    + intros k _ H1 H2.
      rewrite (proj2 (Nat.eqb_neq k i)), (proj2 (Nat.eqb_neq k (S i))) by lia.
      unfold Rminus. apply Rplus_opp_r.
Qed.

Lemma tent_differs t : (t < T)%nat -> curvature D i t <> 0 ->
  eval tent crossing t <> eval (connect_the_dots D) crossing t.
Proof.
  intros Ht Hc E. apply Rminus_diag_eq in E. rewrite tent_difference in E by exact Ht.
  pose proof crossing_inside as [L U].
  unfold relu in E. rewrite (Rmax_right _ (crossing - x (S i))) in E by lra.
  rewrite !Rmax_left in E by lra.
  destruct (Rmult_integral _ _ E); [contradiction | lra].
Qed.

End Aligned.
End Data.

Theorem uniqueness : uniqueness_statement.
Proof.
  intros D HD. split.
  - intros only i Hi [[t [Ht Hc]] [r [Hr same]]].
    apply (tent_differs D HD i Hi r Hr same t Ht Hc).
    apply only; [|exact Ht]. now apply tent_solution.
  - intros A f Hf. now apply only_solution.
Qed.
