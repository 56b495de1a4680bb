(** * The connect-the-dots network interpolates, and its cost is R(D) *)

From Coq Require Import Reals Lra Lia Psatz.
From Formal Require Import Statement Vectors LowerBound.
Open Scope R_scope.

Section Data.
Variable D : data.
Hypothesis HD : valid D.

Let N := points D.
Let x := input D.

Lemma increasing_step i : (S i < N)%nat -> x i < x (S i).
Proof. apply HD. Qed.

Lemma increasing_le i j : (i <= j)%nat -> (j < N)%nat -> x i <= x j.
Proof.
  induction 1 as [|j Hij IH]; intros Hj; [lra|].
  pose proof (increasing_step j Hj). specialize (IH ltac:(lia)). lra.
Qed.

Lemma slope_rise i t : (S i < N)%nat ->
  slope D i t * (x (S i) - x i) = label D (S i) t - label D i t.
Proof. intros H. pose proof (increasing_step i H). unfold slope, x in *. field. lra. Qed.

(** The chords add up: the first one plus i changes of slope is chord i. *)
Lemma chords_add_up i t z : (S i < N)%nat ->
  sum i (fun k => curvature D k t * (z - x (S k))) + slope D 0 t * (z - x 0%nat) + label D 0 t
  = label D i t + slope D i t * (z - x i).
Proof.
  induction i as [|i IH]; intros H; simpl; [ring|].
  pose proof (slope_rise i t ltac:(lia)) as E. specialize (IH ltac:(lia)).
  unfold curvature at 2. nra.
Qed.

(** The value at z, if z lies right of the knots 1, ..., i and left of those after them. *)
Lemma piece i t z : (S i < N)%nat ->
  (forall k, (k < i)%nat -> x (S k) <= z) ->
  (forall k, (i <= k)%nat -> (S (S k) < N)%nat -> z <= x (S k)) ->
  eval (connect_the_dots D) z t = label D i t + slope D i t * (z - x i).
Proof.
  intros Hi Left Right. rewrite <- chords_add_up by exact Hi. unfold eval. simpl.
  assert (E : forall n, (i <= n)%nat -> (n <= N - 2)%nat ->
    sum n (fun k => curvature D k t * relu (1 * z + - input D (S k)))
    = sum i (fun k => curvature D k t * (z - x (S k)))).
  { induction 1 as [|n Hn IH]; intros Hle; simpl.
    - apply sum_ext. intros k Hk. specialize (Left k Hk). unfold relu.
      rewrite Rmax_right; unfold x in *; [f_equal; lra | lra].
    - rewrite IH by lia. specialize (Right n Hn ltac:(lia)). unfold relu.
      rewrite Rmax_left; unfold x in *; lra. }
  rewrite E by (unfold N in *; lia). unfold x. ring.
Qed.

Lemma piece_between i t z : (S i < N)%nat -> x i <= z <= x (S i) ->
  eval (connect_the_dots D) z t = label D i t + slope D i t * (z - x i).
Proof.
  intros Hi [L U]. apply piece; auto.
  - intros k Hk. pose proof (increasing_le (S k) i ltac:(lia) ltac:(lia)). lra.
  - intros k Hk HN. pose proof (increasing_le (S i) (S k) ltac:(lia) ltac:(lia)). lra.
Qed.

Lemma piece_left t z : z <= x 0%nat ->
  eval (connect_the_dots D) z t = label D 0 t + slope D 0 t * (z - x 0%nat).
Proof.
  destruct HD as [enough _]. intros Hz. apply piece; [exact enough | lia |].
  intros k Hk HN. pose proof (increasing_le 0 (S k) ltac:(lia) ltac:(lia)). lra.
Qed.

Lemma piece_right t z : x (N - 1)%nat <= z ->
  eval (connect_the_dots D) z t
  = label D (N - 1) t + slope D (N - 2) t * (z - x (N - 1)%nat).
Proof.
  destruct HD as [enough _]. fold N in enough. intros Hz.
  rewrite (piece (N - 2)) by (intros; try lia;
    pose proof (increasing_le (S k) (N - 1) ltac:(lia) ltac:(lia)); lra).
  pose proof (slope_rise (N - 2) t ltac:(lia)) as E.
  replace (S (N - 2)) with (N - 1)%nat in E by lia. nra.
Qed.

(** Every input lies left of the data, right of them, or between two neighbours. *)
Lemma locate z n : (n < N)%nat ->
  z <= x 0%nat \/ x n <= z \/ exists i, (i < n)%nat /\ x i <= z <= x (S i).
Proof.
  induction n as [|n IH]; intros Hn.
  - destruct (Rle_lt_dec z (x 0%nat)); [auto | right; left; lra].
  - destruct (IH ltac:(lia)) as [|[L|[i [Hi Hz]]]]; auto.
    + destruct (Rle_lt_dec z (x (S n))); [|right; left; lra].
      right; right. exists n. split; [lia | lra].
    + right; right. exists i. split; [lia | exact Hz].
Qed.

Lemma connect_the_dots_interpolates : interpolates (connect_the_dots D) D.
Proof.
  destruct HD as [enough _]. intros i t Hi _. destruct i as [|i].
  - fold x. rewrite piece_left by (unfold x; lra). unfold x. ring.
  - fold x. fold N in Hi. pose proof (increasing_step i Hi).
    rewrite (piece_between i) by (auto; lra). rewrite slope_rise by exact Hi. ring.
Qed.

Lemma connect_the_dots_cost : vv_norm (outputs D) (connect_the_dots D) = cost D.
Proof. apply sum_ext. intros k _. simpl. rewrite Rabs_R1. ring. Qed.

End Data.

Theorem attained : attained_statement.
Proof.
  intros D HD. split; [now apply connect_the_dots_interpolates | apply connect_the_dots_cost].
Qed.

Theorem connect_the_dots_optimal : connect_the_dots_optimal_statement.
Proof.
  intros D HD. split; [now apply connect_the_dots_interpolates|].
  intros f Hf. rewrite connect_the_dots_cost. now apply lower_bound.
Qed.

Theorem connects_the_dots : connects_the_dots_statement.
Proof.
  intros D HD t. split; [|split]; intros.
  - now apply piece_between.
  - now apply piece_left.
  - now apply piece_right.
Qed.
