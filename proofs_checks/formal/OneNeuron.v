(** * One neuron

    The only facts about g(x) = relu(w x + b) that the proofs use: g is convex, and its
    slopes lie between min(0, w) and max(0, w), which are |w| apart. *)

From Coq Require Import Reals Lra Lia Psatz.
From Formal Require Import Statement Vectors.
Open Scope R_scope.

Definition neuron (w b x : R) : R := relu (w * x + b).
Definition low (w : R) : R := Rmin 0 w.
Definition high (w : R) : R := Rmax 0 w.

Lemma high_minus_low w : high w - low w = Rabs w.
Proof.
  unfold high, low, Rmax, Rmin, Rabs. destruct (Rle_dec 0 w), (Rcase_abs w); lra.
Qed.

Lemma neuron_slope w b p q : p <= q ->
  low w * (q - p) <= neuron w b q - neuron w b p <= high w * (q - p).
Proof.
  intros. unfold neuron, relu, high, low, Rmax, Rmin.
  destruct (Rle_dec 0 w), (Rle_dec 0 (w * p + b)), (Rle_dec 0 (w * q + b)); split; nra.
Qed.

(** Convexity without division: for p <= q <= r the slope on [p, q] is at most that on [q, r]. *)
Lemma neuron_convex w b p q r : p <= q <= r ->
  (neuron w b q - neuron w b p) * (r - q) <= (neuron w b r - neuron w b q) * (q - p).
Proof.
  intros [Hpq Hqr].
  assert (A : forall z, 0 <= neuron w b z) by (intros; apply Rmax_l).
  assert (B : forall z, w * z + b <= neuron w b z) by (intros; apply Rmax_r).
  pose proof (A p); pose proof (A r); pose proof (B p); pose proof (B r).
  assert (C : neuron w b q = 0 \/ neuron w b q = w * q + b).
  { unfold neuron, relu, Rmax. destruct (Rle_dec 0 (w * q + b)); auto. }
  destruct C as [-> | ->].
  - apply Rle_trans with 0; nra.
  - apply Rle_trans with (w * (q - p) * (r - q)); nra.
Qed.

(** ** The neuron at increasing points x_0 < ... < x_{N-1} *)

Section AtPoints.
Variables (N : nat) (x : nat -> R).
Hypothesis enough : (2 <= N)%nat.
Hypothesis increasing : forall i, (S i < N)%nat -> x i < x (S i).
Variables (w b : R).

Let g := neuron w b.

(** The slope of the chord between the points i and i + 1, and its change at the point i + 1. *)
Definition chord (i : nat) : R := (g (x (S i)) - g (x i)) / (x (S i) - x i).
Definition bend (i : nat) : R := chord (S i) - chord i.

Lemma chord_rise i : (S i < N)%nat -> chord i * (x (S i) - x i) = g (x (S i)) - g (x i).
Proof. intros H. pose proof (increasing i H). unfold chord. field. lra. Qed.

Lemma chord_range i : (S i < N)%nat -> low w <= chord i <= high w.
Proof.
  intros H. pose proof (increasing i H) as L. pose proof (chord_rise i H) as E.
  destruct (neuron_slope w b (x i) (x (S i))) as [A B]; [lra|]. fold g in A, B.
  split; nra.
Qed.

Lemma bend_nonneg i : (S (S i) < N)%nat -> 0 <= bend i.
Proof.
  intros H.
  pose proof (increasing i ltac:(lia)) as L. pose proof (increasing (S i) H) as L'.
  pose proof (chord_rise i ltac:(lia)) as E. pose proof (chord_rise (S i) H) as E'.
  pose proof (neuron_convex w b (x i) (x (S i)) (x (S (S i)))) as C.
  specialize (C ltac:(lra)). fold g in C. rewrite <- E, <- E' in C.
  unfold bend.
  assert (0 < (x (S i) - x i) * (x (S (S i)) - x (S i))) by (apply Rmult_lt_0_compat; lra).
  nra.
Qed.

(** The bends telescope: their sum is the last chord's slope minus the first one's. *)
Lemma bends_telescope : sum (N - 2) bend = chord (N - 2) - chord 0.
Proof. apply (sum_telescope (N - 2) chord). Qed.

(** Hence the bends add up to at most |w|. *)
Lemma bends_total : sum (N - 2) bend <= Rabs w.
Proof.
  rewrite bends_telescope, <- high_minus_low.
  pose proof (chord_range 0 ltac:(lia)). pose proof (chord_range (N - 2) ltac:(lia)). lra.
Qed.

(** ** The neuron between the points

    [dip i z] is how far the neuron lies below its chord i (continued) at z. *)
Definition dip (i : nat) (z : R) : R := g (x i) + chord i * (z - x i) - g z.

(** The same, seen from the right end of the chord. *)
Lemma dip_from_right i z : (S i < N)%nat ->
  dip i z = g (x (S i)) - chord i * (x (S i) - z) - g z.
Proof. intros H. pose proof (chord_rise i H). unfold dip. nra. Qed.

Lemma dip_nonneg i z : (S i < N)%nat -> x i <= z <= x (S i) -> 0 <= dip i z.
Proof.
  intros H [L U]. pose proof (increasing i H). pose proof (chord_rise i H) as E.
  pose proof (neuron_convex w b (x i) z (x (S i)) (conj L U)) as C. fold g in C.
  unfold dip. apply Rmult_le_reg_r with (x (S i) - x i); [lra|]. nra.
Qed.

(** Right of the point i + 1, the neuron lies above the continued chord i, ... *)
Lemma dip_left_bend i z : (S (S i) < N)%nat -> x (S i) <= z ->
  dip (S i) z <= bend i * (z - x (S i)).
Proof.
  intros H L. pose proof (increasing i ltac:(lia)). pose proof (chord_rise i ltac:(lia)) as E.
  pose proof (neuron_convex w b (x i) (x (S i)) z ltac:(lra)) as C. fold g in C.
  rewrite <- E in C. unfold dip, bend.
  assert (chord i * (z - x (S i)) <= g z - g (x (S i))); [|lra].
  apply Rmult_le_reg_r with (x (S i) - x i); lra.
Qed.

(** ... and left of it above the continued chord i + 1. *)
Lemma dip_right_bend i z : (S (S i) < N)%nat -> z <= x (S i) ->
  dip i z <= bend i * (x (S i) - z).
Proof.
  intros H U. pose proof (increasing (S i) H). pose proof (chord_rise (S i) H) as E.
  pose proof (neuron_convex w b z (x (S i)) (x (S (S i))) ltac:(lra)) as C. fold g in C.
  rewrite <- E in C. rewrite dip_from_right by lia. unfold bend.
  assert (g (x (S i)) - g z <= chord (S i) * (x (S i) - z)); [|lra].
  apply Rmult_le_reg_r with (x (S (S i)) - x (S i)); lra.
Qed.

Lemma dip_low i z : x i <= z -> dip i z <= (chord i - low w) * (z - x i).
Proof.
  intros L. destruct (neuron_slope w b (x i) z L) as [A _]. fold g in A. unfold dip. lra.
Qed.

Lemma dip_high i z : (S i < N)%nat -> z <= x (S i) ->
  dip i z <= (high w - chord i) * (x (S i) - z).
Proof.
  intros H U. destruct (neuron_slope w b z (x (S i)) U) as [_ A]. fold g in A.
  rewrite dip_from_right by exact H. lra.
Qed.

(** Outside its two points a chord, continued, lies below the neuron. *)
Lemma rise_left i z : (S i < N)%nat -> z <= x i ->
  0 <= - dip i z <= (chord i - low w) * (x i - z).
Proof.
  intros H U. pose proof (increasing i H). pose proof (chord_rise i H) as E.
  pose proof (neuron_convex w b z (x i) (x (S i)) ltac:(lra)) as C. fold g in C.
  destruct (neuron_slope w b z (x i) U) as [A _]. fold g in A.
  unfold dip. split; [|lra].
  apply Rmult_le_reg_r with (x (S i) - x i); nra.
Qed.

Lemma rise_right i z : (S i < N)%nat -> x (S i) <= z ->
  0 <= - dip i z <= (high w - chord i) * (z - x (S i)).
Proof.
  intros H L. pose proof (increasing i H). pose proof (chord_rise i H) as E.
  pose proof (neuron_convex w b (x i) (x (S i)) z ltac:(lra)) as C. fold g in C.
  destruct (neuron_slope w b (x (S i)) z L) as [_ A]. fold g in A.
  rewrite dip_from_right by exact H. split; [|lra].
  apply Rmult_le_reg_r with (x (S i) - x i); nra.
Qed.

(** Between the points i + 1 and i + 2, a neuron that bends by p at the one and by q at the other
    dips by at most h p q / (p + q), where h is the distance of the two points. *)
Lemma dip_product i z : (S (S (S i)) < N)%nat -> x (S i) <= z <= x (S (S i)) ->
  dip (S i) z * (bend i + bend (S i)) <= (x (S (S i)) - x (S i)) * (bend i * bend (S i)).
Proof.
  intros H [L U].
  pose proof (dip_left_bend i z ltac:(lia) L). pose proof (dip_right_bend (S i) z H U).
  pose proof (bend_nonneg i ltac:(lia)). pose proof (bend_nonneg (S i) H).
  assert (dip (S i) z * bend (S i) <= bend i * (z - x (S i)) * bend (S i))
    by now apply Rmult_le_compat_r.
  assert (dip (S i) z * bend i <= bend (S i) * (x (S (S i)) - z) * bend i)
    by now apply Rmult_le_compat_r.
  lra.
Qed.

End AtPoints.
