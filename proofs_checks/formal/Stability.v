(** * Networks of nearly least cost are close to connect-the-dots

    Let u_j be the curvature j divided by its norm (0 if it is 0). For each neuron k,
    [excess k] = |w_k| ||v_k|| - sum over j of <u_j, v_k> bend_k(j) is at least 0, and these
    add up to VV(f) - R(D). The network differs from connect-the-dots at z by the sum over k of
    v_k times the dip of neuron k, and each dip is bounded by the excess of its neuron. *)

From Coq Require Import Reals Lra Lia Psatz.
From Formal Require Import Statement Vectors OneNeuron LowerBound ConnectTheDots.
Open Scope R_scope.

(** For vectors u, u' of norm at most 1 and p, q >= 0:
    ||p u + q u'||^2 <= (p + q)^2 - 2 p q (1 - <u, u'>). *)
Lemma shortening T u u' p q :
  0 <= p -> 0 <= q -> norm T u <= 1 -> norm T u' <= 1 ->
  p * q * (1 - dot T u u')
  <= (p + q - norm T (fun t => p * u t + q * u' t)) * (p + q) /\
  norm T (fun t => p * u t + q * u' t) <= p + q.
Proof.
  intros Hp Hq Hu Hu'.
  pose proof (norm_nonneg T u). pose proof (norm_nonneg T u').
  pose proof (norm_nonneg T (fun t => p * u t + q * u' t)).
  assert (B : norm T (fun t => p * u t + q * u' t) <= p + q).
  { eapply Rle_trans; [apply triangle|]. rewrite !norm_scale, !Rabs_pos_eq by easy. nra. }
  split; [|exact B].
  pose proof (norm_sqr T (fun t => p * u t + q * u' t)) as E.
  rewrite dot_plus_l, !dot_plus_r, !dot_scale_l, !dot_scale_r, (dot_comm T u' u) in E.
  pose proof (norm_sqr T u) as Eu. pose proof (norm_sqr T u') as Eu'.
  assert (dot T u u <= 1) by nra. assert (dot T u' u' <= 1) by nra.
  set (n := norm T (fun t => p * u t + q * u' t)) in *.
  assert (n * n <= p * p + q * q + 2 * (p * q * dot T u u')).
  { rewrite E.
    assert (p * p * dot T u u <= p * p) by nra. assert (q * q * dot T u' u' <= q * q) by nra.
    lra. }
  assert ((p + q - n) * (p + q + n) <= (p + q - n) * (2 * (p + q)))
    by (apply Rmult_le_compat_l; lra).
  lra.
Qed.

(** If a dip d satisfies d (p + q) <= h p q, then d (1 - c) <= h (p + q - n). *)
Lemma divide_by_bends d h p q c n :
  0 <= d -> 0 <= h -> 0 <= p -> 0 <= q -> d <= p * h -> c <= 1 -> n <= p + q ->
  p * q * (1 - c) <= (p + q - n) * (p + q) -> d * (p + q) <= h * (p * q) ->
  d * (1 - c) <= h * (p + q - n).
Proof.
  intros Hd Hh Hp Hq Hdp Hc Hn H1 H2.
  destruct (Req_dec (p + q) 0) as [Z|Z].
  - assert (p = 0) by lra. subst p. assert (d = 0) by lra. subst d.
    rewrite Rmult_0_l. apply Rmult_le_pos; lra.
  - apply Rmult_le_reg_r with (p + q); [lra|].
    assert (d * (p + q) * (1 - c) <= h * (p * q) * (1 - c)) by (apply Rmult_le_compat_r; lra).
    assert (h * (p * q * (1 - c)) <= h * ((p + q - n) * (p + q))) by (apply Rmult_le_compat_l; lra).
    lra.
Qed.

Section Network.
Variables (D : data) (f : network).
Hypothesis HD : valid D.
Hypothesis Hf : interpolates f D.

Let N := points D.
Let T := outputs D.
Let x := input D.
Let K := width f.

(** ** Directions of the curvatures *)

Definition direction (j : nat) : vector := fun t => / norm T (curvature D j) * curvature D j t.

Lemma direction_dot j : dot T (direction j) (curvature D j) = norm T (curvature D j).
Proof.
  unfold direction. rewrite dot_scale_l, <- norm_sqr.
  destruct (Req_dec (norm T (curvature D j)) 0) as [->|]; [ring | now field].
Qed.

Lemma direction_norm j : norm T (direction j) <= 1.
Proof.
  unfold direction. rewrite norm_scale. pose proof (norm_nonneg T (curvature D j)).
  destruct (Req_dec (norm T (curvature D j)) 0) as [->|]; [lra|].
  rewrite Rabs_inv, Rabs_pos_eq by easy. rewrite Rinv_l by easy. lra.
Qed.

Lemma direction_cosine j : dot T (direction j) (direction (S j)) = cosine D j.
Proof.
  unfold direction, cosine. fold T. rewrite dot_scale_l, dot_scale_r.
  destruct (Req_dec (norm T (curvature D j)) 0) as [Z|].
  { assert (dot T (curvature D j) (curvature D (S j)) = 0) as ->; [|unfold Rdiv; ring].
    apply sum_zero. intros t Ht. rewrite (norm_zero_entries T _ Z t Ht). ring. }
  destruct (Req_dec (norm T (curvature D (S j))) 0) as [Z|].
  { assert (dot T (curvature D j) (curvature D (S j)) = 0) as ->; [|unfold Rdiv; ring].
    apply sum_zero. intros t Ht. rewrite (norm_zero_entries T _ Z t Ht). ring. }
  now field.
Qed.

(** ** The excess of a neuron *)

Definition excess (k : nat) : R :=
  Rabs (weight f k) * norm T (output f k)
  - sum (N - 2) (fun j => dot T (direction j) (output f k) * bend_of D f k j).

Lemma excess_total : sum K excess = vv_norm T f - cost D.
Proof.
  unfold excess. rewrite sum_minus. unfold vv_norm, cost. fold K N. f_equal.
  rewrite sum_swap. apply sum_ext. intros j Hj. fold T. rewrite <- direction_dot.
  rewrite (dot_ext T _ (direction j) _ (fun t => sum K (fun k => output f k t * bend_of D f k j)));
    [|reflexivity | intros; apply curvature_combination; auto; unfold N in *; lia].
  rewrite (dot_sum_r T K (direction j) (fun k t => output f k t * bend_of D f k j)).
  apply sum_ext. intros k _.
  rewrite (dot_ext T (direction j) (direction j) (fun t => output f k t * bend_of D f k j)
    (fun t => bend_of D f k j * output f k t)); [|reflexivity | intros; ring].
  rewrite dot_scale_r. ring.
Qed.

(** What the point j leaves over; never negative, since ||u_j|| <= 1. *)
Let spare (k j : nat) : R :=
  norm T (output f k) * bend_of D f k j - dot T (direction j) (output f k) * bend_of D f k j.

Lemma spare_nonneg k j : (j < N - 2)%nat -> 0 <= spare k j.
Proof.
  intros Hj. unfold spare.
  assert (0 <= bend_of D f k j) by (apply bend_of_nonneg; auto; unfold N in *; lia).
  pose proof (cauchy_schwarz T (direction j) (output f k)).
  pose proof (direction_norm j). pose proof (norm_nonneg T (output f k)).
  assert (dot T (direction j) (output f k) <= norm T (output f k)) by nra.
  nra.
Qed.

Lemma excess_split k :
  excess k = norm T (output f k) * (Rabs (weight f k) - sum (N - 2) (bend_of D f k))
             + sum (N - 2) (spare k).
Proof. unfold excess, spare. rewrite sum_minus, sum_scale. ring. Qed.

(** The excess counts the slopes that the neuron has outside the data, ... *)
Lemma excess_ends k :
  norm T (output f k)
  * ((chord_of D f k 0 - low (weight f k)) + (high (weight f k) - chord_of D f k (N - 2)))
  <= excess k.
Proof.
  rewrite excess_split. pose proof (sum_nonneg _ _ (spare_nonneg k)).
  assert (E : sum (N - 2) (bend_of D f k) = chord_of D f k (N - 2) - chord_of D f k 0)
    by apply (bends_telescope N x).
  pose proof (high_minus_low (weight f k)) as A.
  assert (B : (chord_of D f k 0 - low (weight f k)) + (high (weight f k) - chord_of D f k (N - 2))
    = Rabs (weight f k) - sum (N - 2) (bend_of D f k)).
  { lra. }
  rewrite B. lra.
Qed.

Lemma chord_of_range k i : (S i < N)%nat ->
  low (weight f k) <= chord_of D f k i <= high (weight f k).
Proof. destruct HD as [enough increasing]. intros H. now apply (chord_range N x). Qed.

Lemma excess_nonneg k : 0 <= excess k.
Proof.
  destruct HD as [enough _]. eapply Rle_trans; [|apply excess_ends].
  pose proof (chord_of_range k 0 enough). pose proof (chord_of_range k (N - 2) ltac:(unfold N; lia)).
  pose proof (norm_nonneg T (output f k)). apply Rmult_le_pos; lra.
Qed.

(** ... and how much shorter p u_i + q u_{i+1} is than p + q. *)
Lemma excess_pair k i : (S i < N - 2)%nat ->
  norm T (output f k)
  * (bend_of D f k i + bend_of D f k (S i)
     - norm T (fun t => bend_of D f k i * direction i t + bend_of D f k (S i) * direction (S i) t))
  <= excess k.
Proof.
  intros Hi. rewrite excess_split.
  assert (0 <= Rabs (weight f k) - sum (N - 2) (bend_of D f k)).
  { pose proof (bends_of_total D f HD k). unfold N in *. lra. }
  pose proof (sum_two_terms (N - 2) (spare k) i (spare_nonneg k) Hi) as S2.
  pose proof (norm_nonneg T (output f k)).
  pose proof (cauchy_schwarz T
    (fun t => bend_of D f k i * direction i t + bend_of D f k (S i) * direction (S i) t)
    (output f k)) as C.
  rewrite dot_plus_l, !dot_scale_l in C.
  set (total := sum (N - 2) (spare k)) in *. unfold spare in S2.
  assert (0 <= norm T (output f k) * (Rabs (weight f k) - sum (N - 2) (bend_of D f k)))
    by now apply Rmult_le_pos.
  lra.
Qed.

(** ** The distance from connect-the-dots *)

Definition dip_of (k i : nat) (z : R) : R := dip x (weight f k) (bias f k) i z.

Lemma distance_from_dips i z : (S i < N)%nat ->
  (forall t, eval (connect_the_dots D) z t = label D i t + slope D i t * (z - x i)) ->
  distance D f z <= sum K (fun k => norm T (output f k) * Rabs (dip_of k i z)).
Proof.
  intros Hi E. unfold distance. fold T.
  rewrite (norm_ext T _ (fun t => sum K (fun k => output f k t * (- dip_of k i z)))).
  - eapply Rle_trans; [apply (norm_sum T K (fun k => - dip_of k i z))|].
    apply sum_le. intros k _. rewrite Rabs_Ropp. lra.
  - intros t Ht. rewrite E, (slope_combination D f HD Hf i t Hi Ht).
    rewrite <- (Hf i t) by (unfold N, T in *; auto; lia). unfold eval. fold x K.
    match goal with |- ?p + _ + _ - (?q + _ + _ + (?r + _) * ?s) = ?u =>
      enough (p - q - s * r = u) by lra end.
    rewrite <- sum_scale, <- !sum_minus. apply sum_ext. intros k _.
    unfold dip_of, dip, chord_of, neuron. fold x. ring.
Qed.

(** If every dip is at most a multiple of the neuron's excess, so is the distance. *)
Lemma distance_bound i z c e : (S i < N)%nat -> 0 <= c ->
  (forall t, eval (connect_the_dots D) z t = label D i t + slope D i t * (z - x i)) ->
  (forall k, norm T (output f k) * Rabs (dip_of k i z) <= c * excess k) ->
  vv_norm T f <= cost D + e -> distance D f z <= c * e.
Proof.
  intros Hi Hc E B V. eapply Rle_trans; [now apply (distance_from_dips i)|].
  apply Rle_trans with (sum K (fun k => c * excess k)); [now apply sum_le|].
  rewrite sum_scale, excess_total. apply Rmult_le_compat_l; lra.
Qed.

(** An end of the data: the dip is at most r times a part of what the neuron has outside. *)
Lemma end_bound k d s r :
  0 <= r -> Rabs d <= s * r ->
  s <= (chord_of D f k 0 - low (weight f k)) + (high (weight f k) - chord_of D f k (N - 2)) ->
  norm T (output f k) * Rabs d <= r * excess k.
Proof.
  intros Hr Hd Hs. pose proof (excess_ends k) as E. pose proof (norm_nonneg T (output f k)).
  assert (s * r <= ((chord_of D f k 0 - low (weight f k))
    + (high (weight f k) - chord_of D f k (N - 2))) * r) by now apply Rmult_le_compat_r.
  set (m := (chord_of D f k 0 - low (weight f k)) + (high (weight f k) - chord_of D f k (N - 2))) in *.
  apply Rle_trans with (norm T (output f k) * (m * r)).
  - apply Rmult_le_compat_l; lra.
  - replace (norm T (output f k) * (m * r)) with (r * (norm T (output f k) * m)) by ring.
    now apply Rmult_le_compat_l.
Qed.

Section Excess.
Variable e : R.
Hypothesis nearly_least : vv_norm T f <= cost D + e.

Lemma close_inside i z : (S i < N - 2)%nat -> cosine D i < 1 ->
  x (S i) <= z <= x (S (S i)) ->
  distance D f z <= (x (S (S i)) - x (S i)) * e / (1 - cosine D i).
Proof.
  intros Hi Hc Hz. destruct HD as [enough increasing]. fold N in enough.
  replace ((x (S (S i)) - x (S i)) * e / (1 - cosine D i))
    with ((x (S (S i)) - x (S i)) / (1 - cosine D i) * e) by (field; lra).
  assert (H0 : 0 <= x (S (S i)) - x (S i)) by lra.
  apply (distance_bound (S i)); auto.
  - lia.
  - apply Rmult_le_pos; [lra|]. left. apply Rinv_0_lt_compat. lra.
  - intros t. apply piece_between; auto. unfold N in *. lia.
  - intros k. pose proof (norm_nonneg T (output f k)).
    assert (Hd : 0 <= dip_of k (S i) z) by (apply (dip_nonneg N x); auto; lia).
    rewrite Rabs_pos_eq by exact Hd.
    assert (Hp : 0 <= bend_of D f k i) by (apply bend_of_nonneg; auto; unfold N in *; lia).
    assert (Hq : 0 <= bend_of D f k (S i)) by (apply bend_of_nonneg; auto; unfold N in *; lia).
    destruct (shortening T (direction i) (direction (S i)) _ _ Hp Hq (direction_norm i)
      (direction_norm (S i))) as [A B].
    rewrite direction_cosine in A.
    pose proof (excess_pair k i Hi) as X.
    set (n := norm T _) in A, B, X.
    assert (Y : dip_of k (S i) z * (1 - cosine D i)
      <= (x (S (S i)) - x (S i)) * (bend_of D f k i + bend_of D f k (S i) - n)).
    { apply divide_by_bends; auto; try lra.
      - eapply Rle_trans; [apply (dip_left_bend N x); auto; [lia | lra]|].
        apply Rmult_le_compat_l; [exact Hp | lra].
      - apply (dip_product N x); auto; lia. }
    apply Rmult_le_reg_r with (1 - cosine D i); [lra|].
    replace ((x (S (S i)) - x (S i)) / (1 - cosine D i) * excess k * (1 - cosine D i))
      with ((x (S (S i)) - x (S i)) * excess k) by (field; lra).
    apply Rle_trans with (norm T (output f k)
      * ((x (S (S i)) - x (S i)) * (bend_of D f k i + bend_of D f k (S i) - n))).
    + rewrite Rmult_assoc. now apply Rmult_le_compat_l.
    + apply Rle_trans with ((x (S (S i)) - x (S i))
        * (norm T (output f k) * (bend_of D f k i + bend_of D f k (S i) - n))); [lra|].
      now apply Rmult_le_compat_l.
Qed.

Lemma close_first z : x 0%nat <= z <= x 1%nat -> distance D f z <= (x 1%nat - x 0%nat) * e.
Proof.
  intros Hz. destruct HD as [enough increasing]. fold N in enough.
  apply (distance_bound 0); auto; [lra | |].
  - intros t. apply piece_between; auto.
  - intros k. pose proof (chord_of_range k 0 enough).
    pose proof (chord_of_range k (N - 2) ltac:(lia)).
    apply end_bound with (chord_of D f k 0 - low (weight f k)); [lra | | lra].
    rewrite Rabs_pos_eq by (apply (dip_nonneg N x); auto).
    eapply Rle_trans; [apply (dip_low x); lra|].
    apply (Rmult_le_compat_l (chord_of D f k 0 - low (weight f k))); lra.
Qed.

Lemma close_last z : x (N - 2)%nat <= z <= x (N - 1)%nat ->
  distance D f z <= (x (N - 1)%nat - x (N - 2)%nat) * e.
Proof.
  intros Hz. destruct HD as [enough increasing]. fold N in enough.
  replace (N - 1)%nat with (S (N - 2)) in * by lia.
  apply (distance_bound (N - 2)); auto; [lia | lra | |].
  - intros t. apply piece_between; auto. unfold N in *. lia.
  - intros k. pose proof (chord_of_range k 0 enough).
    pose proof (chord_of_range k (N - 2) ltac:(lia)).
    apply end_bound with (high (weight f k) - chord_of D f k (N - 2)); [lra | | lra].
    rewrite Rabs_pos_eq by (apply (dip_nonneg N x); auto; lia).
    eapply Rle_trans; [apply (dip_high N x); auto; [lia | lra]|].
    apply (Rmult_le_compat_l (high (weight f k) - chord_of D f k (N - 2))); lra.
Qed.

Lemma close_left z : z <= x 0%nat -> distance D f z <= (x 0%nat - z) * e.
Proof.
  intros Hz. destruct HD as [enough increasing]. fold N in enough.
  apply (distance_bound 0); auto; [lra | |].
  - intros t. now apply piece_left.
  - intros k. pose proof (chord_of_range k (N - 2) ltac:(lia)).
    destruct (rise_left N x increasing (weight f k) (bias f k) 0 z enough Hz) as [A B].
    apply end_bound with (chord_of D f k 0 - low (weight f k)); [lra | | lra].
    unfold dip_of. rewrite <- Rabs_Ropp, Rabs_pos_eq by exact A. exact B.
Qed.

Lemma close_right z : x (N - 1)%nat <= z -> distance D f z <= (z - x (N - 1)%nat) * e.
Proof.
  intros Hz. destruct HD as [enough increasing]. fold N in enough.
  apply (distance_bound (N - 2)); auto; [lia | lra | |].
  - intros t. rewrite piece_right by auto. fold N x.
    pose proof (slope_rise D HD (N - 2) t ltac:(unfold N in *; lia)) as E. fold x in E.
    replace (S (N - 2)) with (N - 1)%nat in E by lia. lra.
  - intros k. pose proof (chord_of_range k 0 enough).
    replace (N - 1)%nat with (S (N - 2)) in * by lia.
    destruct (rise_right N x increasing (weight f k) (bias f k) (N - 2) z ltac:(lia) Hz)
      as [A B].
    apply end_bound with (high (weight f k) - chord_of D f k (N - 2)); [lra | | lra].
    unfold dip_of. rewrite <- Rabs_Ropp, Rabs_pos_eq by exact A. exact B.
Qed.

End Excess.
End Network.

Theorem stability : stability_statement.
Proof.
  intros D f e HD Hf V x N. repeat split; intros.
  - now apply close_inside.
  - now apply close_first.
  - now apply close_last.
  - now apply close_left.
  - now apply close_right.
Qed.

(** ** Residuals

    Between two neighbours the two connect-the-dots functions differ by an average of two residuals. *)
Theorem residuals : residuals_statement.
Proof.
  intros D f r z HD Hr [L U].
  assert (HD' : valid (fitted D f)) by exact HD.
  split; [exact HD'|]. split; [intros i t _ _; reflexivity|].
  pose proof HD as [enough increasing].
  assert (P : exists i, (S i < points D)%nat /\ input D i <= z <= input D (S i)).
  { destruct (locate D z (points D - 1) ltac:(lia)) as [A|[A|[i [Hi Hz]]]].
    - exists 0%nat. pose proof (increasing 0%nat enough). split; [exact enough | lra].
    - exists (points D - 2)%nat. pose proof (increasing (points D - 2)%nat ltac:(lia)) as I.
      replace (S (points D - 2)) with (points D - 1)%nat in * by lia. split; [lia | lra].
    - exists i. split; [lia | exact Hz]. }
  destruct P as [i [Hi Hz]]. pose proof (increasing i Hi).
  set (s := (z - input D i) / (input D (S i) - input D i)).
  assert (Hs : 0 <= s <= 1).
  { unfold s. split.
    - apply Rmult_le_pos; [lra|]. left. apply Rinv_0_lt_compat. lra.
    - apply Rmult_le_reg_r with (input D (S i) - input D i); [lra|].
      unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  set (res := fun j t => eval f (input D j) t - label D j t).
  unfold distance. change (outputs (fitted D f)) with (outputs D). set (T := outputs D).
  rewrite (norm_ext T _ (fun t => (eval f z t - eval (connect_the_dots (fitted D f)) z t)
    + ((1 - s) * res i t + s * res (S i) t))).
  - eapply Rle_trans; [apply triangle|]. apply Rplus_le_compat_l.
    eapply Rle_trans; [apply triangle|]. rewrite !norm_scale, !Rabs_pos_eq by lra.
    pose proof (Hr i ltac:(lia)) as R1. pose proof (Hr (S i) Hi) as R2.
    fold T in R1, R2. change (norm T (res i) <= r) in R1. change (norm T (res (S i)) <= r) in R2.
    assert ((1 - s) * norm T (res i) <= (1 - s) * r) by (apply Rmult_le_compat_l; lra).
    assert (s * norm T (res (S i)) <= s * r) by (apply Rmult_le_compat_l; lra). lra.
  - intros t _. rewrite (piece_between D HD i t z Hi Hz), (piece_between (fitted D f) HD' i t z Hi Hz).
    unfold slope, res, s. simpl. field. lra.
Qed.
