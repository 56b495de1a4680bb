(** * Every interpolating network costs at least R(D)

    The curvatures of the data are combinations of the neurons' bends, since the affine
    part has none: delta_i = sum over k of v_k bend_k(i). So ||delta_i|| is at most the sum
    over k of ||v_k|| bend_k(i), and the bends of neuron k add up to at most |w_k|. *)

From Coq Require Import Reals Lra Lia Psatz.
From Formal Require Import Statement Vectors OneNeuron.
Open Scope R_scope.

Section Network.
Variables (D : data) (f : network).
Hypothesis HD : valid D.
Hypothesis Hf : interpolates f D.

Let N := points D.
Let T := outputs D.
Let x := input D.

(** Slope i and bend i of neuron k at the inputs of the data. *)
Definition chord_of (k i : nat) : R := chord x (weight f k) (bias f k) i.
Definition bend_of (k i : nat) : R := bend x (weight f k) (bias f k) i.

Lemma slope_combination i t : (S i < N)%nat -> (t < T)%nat ->
  slope D i t = sum (width f) (fun k => output f k t * chord_of k i) + skip f t.
Proof.
  intros Hi Ht. destruct HD as [_ increasing]. pose proof (increasing i Hi) as L.
  unfold slope. rewrite <- !Hf by (unfold N, T in *; lia). unfold eval.
  match goal with |- (?p + _ + _ - (?q + _ + _)) / ?h = ?s + _ =>
    assert (E : p - q = h * s) end.
  { rewrite <- sum_minus, <- sum_scale. apply sum_ext. intros k _.
    unfold chord_of, chord, neuron, x. field. lra. }
  apply Rmult_eq_reg_r with (input D (S i) - input D i); [|lra].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma curvature_combination i t : (S (S i) < N)%nat -> (t < T)%nat ->
  curvature D i t = sum (width f) (fun k => output f k t * bend_of k i).
Proof.
  intros Hi Ht. unfold curvature. rewrite !slope_combination by (auto; lia).
  match goal with |- ?p + _ - (?q + _) = _ => replace (p + skip f t - (q + skip f t)) with (p - q) by ring end.
  rewrite <- sum_minus. apply sum_ext. intros k _. unfold bend_of, bend, chord_of. ring.
Qed.

Lemma bend_of_nonneg k i : (S (S i) < N)%nat -> 0 <= bend_of k i.
Proof. destruct HD as [enough increasing]. intros H. now apply (bend_nonneg N x). Qed.

Lemma bends_of_total k : sum (N - 2) (bend_of k) <= Rabs (weight f k).
Proof. destruct HD as [enough increasing]. now apply (bends_total N x). Qed.

Lemma curvature_norm i : (S (S i) < N)%nat ->
  norm T (curvature D i) <= sum (width f) (fun k => norm T (output f k) * bend_of k i).
Proof.
  intros Hi.
  rewrite (norm_ext T _ (fun t => sum (width f) (fun k => output f k t * bend_of k i)))
    by (intros; now apply curvature_combination).
  eapply Rle_trans; [apply (norm_sum T (width f) (fun k => bend_of k i))|].
  apply sum_le. intros k _. rewrite Rabs_pos_eq by now apply bend_of_nonneg. lra.
Qed.

Lemma cost_below_vv_norm : cost D <= vv_norm T f.
Proof.
  apply Rle_trans with
    (sum (N - 2) (fun i => sum (width f) (fun k => norm T (output f k) * bend_of k i))).
  - apply sum_le. intros i Hi. apply curvature_norm. unfold N in *. lia.
  - rewrite sum_swap. apply sum_le. intros k _. rewrite sum_scale, (Rmult_comm (Rabs _)).
    apply Rmult_le_compat_l; [apply norm_nonneg | apply bends_of_total].
Qed.

End Network.

Theorem lower_bound : lower_bound_statement.
Proof. intros D f HD Hf. now apply cost_below_vv_norm. Qed.
