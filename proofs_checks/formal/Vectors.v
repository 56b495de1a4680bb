(** * Finite sums and Euclidean vectors: the lemmas that the proofs need *)

From Coq Require Import Reals Lra Lia Psatz.
From Formal Require Import Statement.
Open Scope R_scope.

(** ** Sums *)

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [reflexivity|].
  rewrite IH, H; auto with arith.
Qed.

Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [lra|].
  apply Rplus_le_compat; auto with arith.
Qed.

Lemma sum_zero n f : (forall i, (i < n)%nat -> f i = 0) -> sum n f = 0.
Proof.
  induction n as [|n IH]; intros H; simpl; [reflexivity|].
  rewrite IH, H; auto with arith; lra.
Qed.

Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof.
  intros H. rewrite <- (sum_zero n (fun _ => 0)) by reflexivity. now apply sum_le.
Qed.

Lemma sum_plus n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n as [|n IH]; simpl; [lra | rewrite IH; lra]. Qed.

Lemma sum_minus n f g : sum n (fun i => f i - g i) = sum n f - sum n g.
Proof. induction n as [|n IH]; simpl; [lra | rewrite IH; lra]. Qed.

Lemma sum_scale n c f : sum n (fun i => c * f i) = c * sum n f.
Proof. induction n as [|n IH]; simpl; [lra | rewrite IH; lra]. Qed.

Lemma sum_swap n m f :
  sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [|n IH]; simpl.
  - now rewrite sum_zero.
  - now rewrite IH, sum_plus.
Qed.

(** If no term is negative, the sum is at least each term, ... *)
Lemma sum_term n f m :
  (forall i, (i < n)%nat -> 0 <= f i) -> (m < n)%nat -> f m <= sum n f.
Proof.
  induction n as [|n IH]; intros H Hm; simpl; [lia|].
  assert (0 <= sum n f) by (apply sum_nonneg; auto with arith).
  assert (0 <= f n) by auto.
  destruct (Nat.eq_dec m n) as [->|]; [lra|].
  assert (f m <= sum n f) by (apply IH; [auto with arith | lia]). lra.
Qed.

(** ... and at least the sum of two neighbouring terms. *)
Lemma sum_two_terms n f m :
  (forall i, (i < n)%nat -> 0 <= f i) -> (S m < n)%nat -> f m + f (S m) <= sum n f.
Proof.
  induction n as [|n IH]; intros H Hm; simpl; [lia|].
  assert (0 <= f n) by auto.
  destruct (Nat.eq_dec (S m) n) as [<-|].
  - assert (f m <= sum (S m) f) by (apply sum_term; auto with arith). lra.
  - assert (f m + f (S m) <= sum n f) by (apply IH; [auto with arith | lia]). lra.
Qed.

Lemma sum_telescope n f : sum n (fun i => f (S i) - f i) = f n - f O.
Proof. induction n as [|n IH]; simpl; [lra | rewrite IH; lra]. Qed.

(** If a sum of terms that are not negative is 0, each term is 0. *)
Lemma sum_zero_terms n f :
  (forall i, (i < n)%nat -> 0 <= f i) -> sum n f = 0 -> forall i, (i < n)%nat -> f i = 0.
Proof.
  intros H E i Hi. assert (f i <= sum n f) by now apply sum_term. specialize (H i Hi). lra.
Qed.

(** A sum in which only two neighbouring terms are not 0. *)
Lemma sum_two_only n f m :
  (S m < n)%nat -> (forall i, (i < n)%nat -> i <> m -> i <> S m -> f i = 0) ->
  sum n f = f m + f (S m).
Proof.
  induction n as [|n IH]; intros Hm H; [lia|]. simpl.
  destruct (Nat.eq_dec (S m) n) as [<-|].
  - simpl. rewrite sum_zero; [ring|]. intros i Hi. apply H; lia.
  - rewrite IH, (H n) by (auto; lia). ring.
Qed.

(** ** Dot products and norms *)

Section Vectors.
Variable T : nat.

Lemma dot_ext u u' v v' :
  (forall t, (t < T)%nat -> u t = u' t) -> (forall t, (t < T)%nat -> v t = v' t) ->
  dot T u v = dot T u' v'.
Proof. intros Hu Hv. apply sum_ext. intros t Ht. now rewrite Hu, Hv. Qed.

Lemma dot_comm u v : dot T u v = dot T v u.
Proof. apply sum_ext. intros; ring. Qed.

Lemma dot_self_nonneg u : 0 <= dot T u u.
Proof. apply sum_nonneg. intros t _. nra. Qed.

Lemma dot_plus_r u v w : dot T u (fun t => v t + w t) = dot T u v + dot T u w.
Proof. unfold dot. rewrite <- sum_plus. apply sum_ext. intros; ring. Qed.

Lemma dot_scale_r c u v : dot T u (fun t => c * v t) = c * dot T u v.
Proof. unfold dot. rewrite <- sum_scale. apply sum_ext. intros; ring. Qed.

Lemma dot_plus_l u v w : dot T (fun t => v t + w t) u = dot T v u + dot T w u.
Proof. now rewrite dot_comm, dot_plus_r, (dot_comm u v), (dot_comm u w). Qed.

Lemma dot_scale_l c u v : dot T (fun t => c * v t) u = c * dot T v u.
Proof. now rewrite dot_comm, dot_scale_r, dot_comm. Qed.

Lemma dot_sum_r n u (v : nat -> vector) :
  dot T u (fun t => sum n (fun k => v k t)) = sum n (fun k => dot T u (v k)).
Proof.
  unfold dot. rewrite <- sum_swap. apply sum_ext. intros t _. now rewrite <- sum_scale.
Qed.

Lemma norm_nonneg u : 0 <= norm T u.
Proof. apply sqrt_pos. Qed.

Lemma norm_sqr u : norm T u * norm T u = dot T u u.
Proof. apply sqrt_sqrt, dot_self_nonneg. Qed.

Lemma norm_ext u v : (forall t, (t < T)%nat -> u t = v t) -> norm T u = norm T v.
Proof. intros H. unfold norm. f_equal. now apply dot_ext. Qed.

Lemma norm_scale c u : norm T (fun t => c * u t) = Rabs c * norm T u.
Proof.
  unfold norm. rewrite dot_scale_l, dot_scale_r, <- Rmult_assoc.
  rewrite sqrt_mult; [|nra | apply dot_self_nonneg].
  f_equal. apply sqrt_Rsqr_abs.
Qed.

Lemma norm_zero u : (forall t, (t < T)%nat -> u t = 0) -> norm T u = 0.
Proof.
  intros H. unfold norm, dot. rewrite sum_zero; [apply sqrt_0|].
  intros t Ht. rewrite H by easy. ring.
Qed.

Lemma norm_zero_entries u : norm T u = 0 -> forall t, (t < T)%nat -> u t = 0.
Proof.
  intros H t Ht.
  assert (E : dot T u u = 0) by (rewrite <- norm_sqr, H; ring).
  assert (u t * u t = 0).
  { apply (sum_zero_terms T (fun t => u t * u t)); auto. intros; nra. }
  nra.
Qed.

Lemma some_entry u : norm T u <> 0 -> exists t, (t < T)%nat /\ u t <> 0.
Proof.
  intros H. assert (C : (exists t, (t < T)%nat /\ u t <> 0) \/ (forall t, (t < T)%nat -> u t = 0)).
  { clear H. induction T as [|n IH]; [right; intros; lia|].
    destruct IH as [[t [Ht Hu]]|Z]; [left; exists t; split; auto|].
    destruct (Req_dec (u n) 0) as [E|]; [|left; exists n; auto].
    right. intros t Ht. destruct (Nat.eq_dec t n) as [->|]; [exact E | apply Z; lia]. }
  destruct C as [|Z]; [assumption|]. exfalso. apply H. now apply norm_zero.
Qed.

(** The Cauchy-Schwarz inequality: <u, v> <= ||u|| ||v||. It follows from
    0 <= || ||v|| u - ||u|| v ||^2 = 2 ||u|| ||v|| (||u|| ||v|| - <u, v>). *)
Lemma cauchy_schwarz u v : dot T u v <= norm T u * norm T v.
Proof.
  pose proof (norm_nonneg u). pose proof (norm_nonneg v).
  pose proof (norm_sqr u) as Eu. pose proof (norm_sqr v) as Ev.
  destruct (Req_dec (norm T u) 0) as [Z|Hu].
  { assert (dot T u v = 0) as ->; [|rewrite Z; lra].
    apply sum_zero. intros t Ht. rewrite (norm_zero_entries u Z t Ht). ring. }
  destruct (Req_dec (norm T v) 0) as [Z|Hv].
  { assert (dot T u v = 0) as ->; [|rewrite Z; lra].
    apply sum_zero. intros t Ht. rewrite (norm_zero_entries v Z t Ht). ring. }
  set (a := norm T u) in *. set (b := norm T v) in *.
  pose proof (dot_self_nonneg (fun t => b * u t + (- a) * v t)) as P.
  rewrite dot_plus_l, !dot_plus_r, !dot_scale_l, !dot_scale_r, <- Eu, <- Ev, (dot_comm v u) in P.
  assert (0 < a * b) by (apply Rmult_lt_0_compat; lra).
  nra.
Qed.

Lemma triangle u v : norm T (fun t => u t + v t) <= norm T u + norm T v.
Proof.
  pose proof (norm_nonneg u). pose proof (norm_nonneg v).
  pose proof (norm_sqr (fun t => u t + v t)) as E.
  rewrite dot_plus_l, !dot_plus_r, <- !norm_sqr, (dot_comm v u) in E.
  pose proof (cauchy_schwarz u v). pose proof (norm_nonneg (fun t => u t + v t)).
  nra.
Qed.

Lemma norm_sum n (c : nat -> R) (v : nat -> vector) :
  norm T (fun t => sum n (fun k => v k t * c k)) <= sum n (fun k => norm T (v k) * Rabs (c k)).
Proof.
  induction n as [|n IH]; simpl.
  - rewrite norm_zero by reflexivity. lra.
  - eapply Rle_trans; [apply triangle|].
    apply Rplus_le_compat; [exact IH|].
    rewrite (norm_ext _ (fun t => c n * v n t)) by (intros; ring).
    rewrite norm_scale. lra.
Qed.

End Vectors.
