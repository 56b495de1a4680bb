(** * Rescaling a neuron, and weight decay

    relu(r z) = r relu(z) for r > 0, so a factor may move between the weights of a neuron; and
    (p^2 + q^2) / 2 - p q = (p - q)^2 / 2. *)

From Coq Require Import Reals Lra Lia Psatz.
From Formal Require Import Statement Vectors LowerBound ConnectTheDots.
Open Scope R_scope.

Lemma relu_scale r z : 0 < r -> relu (r * z) = r * relu z.
Proof.
  intros H. unfold relu, Rmax. destruct (Rle_dec 0 (r * z)), (Rle_dec 0 z); nra.
Qed.

Theorem rescaling : rescaling_statement.
Proof.
  intros T f r Hr. split.
  - intros z t _. unfold eval. simpl. do 2 f_equal. apply sum_ext. intros k _.
    specialize (Hr k).
    replace (r k * weight f k * z + r k * bias f k) with (r k * (weight f k * z + bias f k)) by ring.
    rewrite relu_scale by easy. field. lra.
  - apply sum_ext. intros k _. simpl. specialize (Hr k).
    rewrite Rabs_mult, (norm_ext _ _ (fun t => / r k * output f k t))
      by (intros; unfold Rdiv; ring).
    rewrite norm_scale, Rabs_inv, !(Rabs_pos_eq (r k)) by lra.
    field. lra.
Qed.

(** The penalty exceeds the VV norm by the sum over neurons of (|w_k| - ||v_k||)^2 / 2. *)
Lemma weight_decay_excess T f :
  weight_decay T f - vv_norm T f
  = sum (width f) (fun k => (Rabs (weight f k) - norm T (output f k)) ^ 2 / 2).
Proof.
  unfold weight_decay, vv_norm. rewrite <- sum_minus. apply sum_ext. intros k _.
  rewrite <- (pow2_abs (weight f k)). field.
Qed.

Theorem weight_decay_penalty : weight_decay_penalty_statement.
Proof.
  intros T f. pose proof (weight_decay_excess T f) as E.
  assert (P : forall k, (k < width f)%nat ->
    0 <= (Rabs (weight f k) - norm T (output f k)) ^ 2 / 2).
  { intros k _. pose proof (pow2_ge_0 (Rabs (weight f k) - norm T (output f k))). lra. }
  split; [|split].
  - pose proof (sum_nonneg _ _ P). lra.
  - intros Eq k Hk. rewrite Eq, Rminus_diag_eq in E by reflexivity.
    pose proof (sum_zero_terms _ _ P (eq_sym E) k Hk). simpl in *. nra.
  - intros B. rewrite sum_zero in E; [lra|].
    intros k Hk. rewrite (B k Hk). field.
Qed.

(** A neuron with w = 0 or v = 0 is constant: [idle] neurons are replaced by nothing, and their
    constant v relu(b) joins the offset. The others are rescaled by sqrt(||v|| / |w|). *)
Section Balance.
Variables (T : nat) (f : network).

Definition idle (k : nat) : bool :=
  if Req_EM_T (Rabs (weight f k) * norm T (output f k)) 0 then true else false.

Definition factor (k : nat) : R := sqrt (norm T (output f k) / Rabs (weight f k)).

Definition balance : network := {|
  width := width f;
  weight := fun k => if idle k then 0 else factor k * weight f k;
  bias := fun k => if idle k then 0 else factor k * bias f k;
  output := fun k t => if idle k then 0 else output f k t / factor k;
  skip := skip f;
  offset := fun t => offset f t +
    sum (width f) (fun k => if idle k then output f k t * relu (bias f k) else 0)
|}.

Lemma idle_cases k :
  (idle k = true /\ (weight f k = 0 \/ norm T (output f k) = 0)) \/
  (idle k = false /\ 0 < Rabs (weight f k) /\ 0 < norm T (output f k)).
Proof.
  unfold idle. pose proof (Rabs_pos (weight f k)). pose proof (norm_nonneg T (output f k)).
  destruct (Req_EM_T _ 0) as [Z|Z]; [left | right]; split; auto.
  - destruct (Rmult_integral _ _ Z); auto. left.
    destruct (Req_dec (weight f k) 0); auto. now apply Rabs_no_R0 in H2.
  - split.
    + destruct (Req_dec (Rabs (weight f k)) 0) as [E|]; [rewrite E in Z|]; lra.
    + destruct (Req_dec (norm T (output f k)) 0) as [E|]; [rewrite E in Z|]; lra.
Qed.

Lemma factor_pos k : 0 < Rabs (weight f k) -> 0 < norm T (output f k) -> 0 < factor k.
Proof. intros. now apply sqrt_lt_R0, Rdiv_lt_0_compat. Qed.

Lemma balance_function : same_function T balance f.
Proof.
  intros z t Ht. unfold eval. simpl.
  match goal with |- ?p + ?s + (?c + ?q) = ?r + _ + _ => enough (p + q = r) by lra end.
  rewrite <- sum_plus. apply sum_ext. intros k _.
  destruct (idle_cases k) as [[-> [Z|Z]] | [-> [Hw Hv]]].
  - rewrite Z. replace (0 * z + bias f k) with (bias f k) by ring. ring.
  - rewrite (norm_zero_entries T _ Z t Ht). ring.
  - pose proof (factor_pos k Hw Hv).
    replace (factor k * weight f k * z + factor k * bias f k)
      with (factor k * (weight f k * z + bias f k)) by ring.
    rewrite relu_scale by easy. field. lra.
Qed.

Lemma balance_neuron k :
  Rabs (weight balance k) = norm T (output balance k) /\
  Rabs (weight balance k) * norm T (output balance k) = Rabs (weight f k) * norm T (output f k).
Proof.
  simpl. destruct (idle_cases k) as [[-> Z] | [-> [Hw Hv]]].
  - rewrite Rabs_R0, norm_zero by reflexivity. split; [reflexivity|].
    destruct Z as [-> | ->]; rewrite ?Rabs_R0; ring.
  - pose proof (factor_pos k Hw Hv) as P.
    rewrite (norm_ext _ _ (fun t => / factor k * output f k t)) by (intros; unfold Rdiv; ring).
    rewrite norm_scale, Rabs_mult, Rabs_inv, !(Rabs_pos_eq (factor k)) by lra.
    assert (E : factor k * factor k = norm T (output f k) / Rabs (weight f k)).
    { apply sqrt_sqrt. left. now apply Rdiv_lt_0_compat. }
    split; [|field; lra].
    apply Rmult_eq_reg_l with (factor k); [|lra].
    rewrite <- Rmult_assoc, E. field. lra.
Qed.

End Balance.

Theorem balancing : balancing_statement.
Proof.
  intros T f. exists (balance T f).
  assert (B : balanced T (balance T f)) by (intros k _; apply balance_neuron).
  split; [reflexivity|]. split; [apply balance_function|]. split; [exact B|].
  transitivity (vv_norm T (balance T f)).
  - now apply weight_decay_penalty.
  - apply sum_ext. intros k _. apply balance_neuron.
Qed.

Theorem least_weight_decay : least_weight_decay_statement.
Proof.
  intros D HD. destruct (attained D HD) as [I C]. split.
  - intros f Hf. apply Rle_trans with (vv_norm (outputs D) f).
    + now apply lower_bound.
    + apply weight_decay_penalty.
  - destruct (balancing (outputs D) (connect_the_dots D)) as (g & W & F & _ & P).
    exists g. split; [exact W|]. split; [|split; [exact F | now rewrite P]].
    intros i t Hi Ht. rewrite F by exact Ht. now apply I.
Qed.
