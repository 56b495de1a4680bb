(** * The checker is sound

    Each step of the program in Checker.v is compared with the real-valued definition that it
    computes: the network's outputs, slopes, curvatures, alignment, and bounds for the norms. *)

From Coq Require Import QArith Qreals ZArith List Bool Reals Lra Lia Psatz.
From Formal Require Import Checker Statement Vectors LowerBound ConnectTheDots Uniqueness.
Import ListNotations.
Open Scope R_scope.

(** ** Lists of neighbours *)

Lemma neighbours_length {A B} (f : A -> A -> B) l : length (neighbours f l) = (length l - 1)%nat.
Proof.
  induction l as [|a [|b rest] IH]; simpl; [reflexivity | reflexivity |].
  simpl in IH. rewrite IH. lia.
Qed.

Lemma neighbours_nth {A B} (f : A -> A -> B) l i da db : (S i < length l)%nat ->
  nth i (neighbours f l) db = f (nth i l da) (nth (S i) l da).
Proof.
  revert i. induction l as [|a [|b rest] IH]; intros i H; simpl in H; try lia.
  destruct i as [|i]; [reflexivity|].
  change (nth i (neighbours f (b :: rest)) db
    = f (nth i (b :: rest) da) (nth (S i) (b :: rest) da)).
  apply IH. simpl. lia.
Qed.

Lemma forallb_nth {A} (f : A -> bool) l i d :
  forallb f l = true -> (i < length l)%nat -> f (nth i l d) = true.
Proof. intros H Hi. rewrite forallb_forall in H. apply H. now apply nth_In. Qed.

(** ** Rational and real arithmetic *)

Lemma Q2R_red q : Q2R (Qred q) = Q2R q.
Proof. apply Qeq_eqR, Qred_correct. Qed.

Lemma Q2R_0 : Q2R 0 = 0.
Proof. unfold Q2R. simpl. lra. Qed.

Lemma Q2R_le p q : Qle_bool p q = true -> Q2R p <= Q2R q.
Proof. intros H. now apply Qle_Rle, Qle_bool_iff. Qed.

Lemma Q2R_lt p q : negb (Qle_bool q p) = true <-> Q2R p < Q2R q.
Proof.
  rewrite negb_true_iff. split.
  - intros H. apply Qlt_Rlt. apply Qnot_le_lt. intros L. apply Qle_bool_iff in L. congruence.
  - intros H. destruct (Qle_bool q p) eqn:E; [|reflexivity]. apply Q2R_le in E. lra.
Qed.

Lemma Q2R_eq p q : Qeq_bool p q = true <-> Q2R p = Q2R q.
Proof.
  rewrite Qeq_bool_iff. split; [apply Qeq_eqR | apply eqR_Qeq].
Qed.

Lemma vector_of_entry T f t : (t < T)%nat -> Q2R (entry (vector_of T f) t) = Q2R (f t).
Proof.
  intros H. unfold entry, vector_of.
  rewrite (nth_indep _ 0%Q (Qred (f 0%nat))) by now rewrite map_length, seq_length.
  rewrite (map_nth (fun t => Qred (f t)) (seq 0 T) 0%nat t), seq_nth by exact H. apply Q2R_red.
Qed.

Lemma add_real p q : Q2R (add p q) = Q2R p + Q2R q.
Proof.
  unfold add. destruct (Qnum q) eqn:E; rewrite ?Q2R_red, ?Q2R_plus; [|reflexivity | reflexivity].
  unfold Q2R at 3. rewrite E. simpl. ring.
Qed.

Lemma rational_sum_real n f : Q2R (rational_sum n f) = sum n (fun i => Q2R (f i)).
Proof.
  induction n as [|n IH]; cbn [rational_sum sum]; [apply Q2R_0|]. now rewrite add_real, IH.
Qed.

Definition real (v : list Q) : vector := fun t => Q2R (entry v t).

Lemma rational_dot_real T u v : Q2R (rational_dot T u v) = dot T (real u) (real v).
Proof.
  unfold rational_dot. rewrite rational_sum_real. apply sum_ext. intros t _. apply Q2R_mult.
Qed.

(** ** Bounds for a norm *)

Lemma bounds_real q : bounds_hold q = true ->
  Q2R (fst (root_bounds q)) <= sqrt (Q2R q) <= Q2R (snd (root_bounds q)).
Proof.
  unfold bounds_hold. destruct (root_bounds q) as [low high]. simpl.
  rewrite !andb_true_iff. intros [[[H1 H2] H3] H4].
  apply Q2R_le in H1, H2, H3, H4. rewrite Q2R_0 in H1, H3. rewrite Q2R_mult in H2, H4.
  split.
  - rewrite <- (sqrt_square (Q2R low)) by exact H1. now apply sqrt_le_1_alt.
  - rewrite <- (sqrt_square (Q2R high)) by exact H3. now apply sqrt_le_1_alt.
Qed.

(** The sum of the bounds of all roots bounds the sum of the roots. *)
Lemma totals_real squares : forallb bounds_hold squares = true ->
  Q2R (lower_total squares) <= sum (length squares) (fun i => sqrt (Q2R (entry squares i)))
  <= Q2R (upper_total squares).
Proof.
  intros H. unfold lower_total, upper_total. rewrite !rational_sum_real.
  split; apply sum_le; intros i Hi; apply bounds_real; unfold entry; now apply forallb_nth.
Qed.

(** ** The network of the certificate *)

Section Network.
Variables (T : nat) (cert : certificate).
Let f := network_of cert.

Lemma activation_real x k : (k < width f)%nat ->
  Q2R (entry (map (activation x) (neurons cert)) k) = relu (weight f k * Q2R x + bias f k).
Proof.
  intros Hk. change (k < length (neurons cert))%nat in Hk. unfold entry.
  rewrite (nth_indep _ 0%Q (activation x (0%Q, 0%Q, nil))) by now rewrite map_length.
  rewrite map_nth. unfold activation.
  set (n := nth k (neurons cert) (0%Q, 0%Q, nil)).
  assert (E : Q2R (Qred (fst (fst n) * x + snd (fst n))) = weight f k * Q2R x + bias f k)
    by (rewrite Q2R_red, Q2R_plus, Q2R_mult; reflexivity).
  rewrite <- E. set (z := Qred _). unfold relu.
  destruct (Qle_bool z 0) eqn:L.
  - apply Q2R_le in L. rewrite Q2R_0 in *. now rewrite Rmax_left.
  - assert (Q2R 0 < Q2R z) by (apply Q2R_lt; now rewrite L). rewrite Q2R_0 in *.
    rewrite Rmax_right; lra.
Qed.

Lemma fits_real p t : fits T cert p = true -> (t < T)%nat ->
  eval f (Q2R (fst p)) t = Q2R (entry (snd p) t).
Proof.
  intros H Ht. unfold fits in H. rewrite forallb_forall in H.
  specialize (H t ltac:(apply in_seq; lia)). apply Q2R_eq in H. rewrite H.
  rewrite !Q2R_plus, Q2R_mult, rational_sum_real. unfold eval. do 2 f_equal.
  apply sum_ext. intros k Hk. rewrite Q2R_mult, activation_real by exact Hk. f_equal.
  unfold f. cbn [output network_of]. unfold entry.
  rewrite <- (map_nth snd). reflexivity.
Qed.

Lemma network_norm : forallb bounds_hold (map (neuron_square T) (neurons cert)) = true ->
  vv_norm T f <= Q2R (upper_total (map (neuron_square T) (neurons cert))).
Proof.
  intros H. eapply Rle_trans; [|now apply totals_real].
  rewrite map_length. unfold vv_norm. change (width f) with (length (neurons cert)).
  apply Req_le, sum_ext. intros k Hk. unfold entry.
  rewrite (nth_indep _ 0%Q (neuron_square T (0%Q, 0%Q, nil))) by now rewrite map_length.
  rewrite map_nth. unfold neuron_square. rewrite !Q2R_mult, rational_dot_real.
  rewrite sqrt_mult by (try apply dot_self_nonneg; nra).
  f_equal. symmetry. apply sqrt_Rsqr_abs.
Qed.

End Network.

(** ** The data set *)

Section Data.
Variables (T : nat) (rows : list row).
Let D := data_of T rows.

Hypothesis enough : (2 <= length rows)%nat.
Hypothesis increasing :
  forallb (fun b => b) (neighbours (fun p q => negb (Qle_bool (fst q) (fst p))) rows) = true.

Lemma data_valid : valid D.
Proof.
  split; [exact enough|]. intros i Hi. simpl in *.
  apply Q2R_lt.
  pose proof (forallb_nth _ _ i true increasing) as H.
  rewrite neighbours_length in H. specialize (H ltac:(lia)).
  rewrite (neighbours_nth _ _ i (0%Q, nil)) in H by lia. exact H.
Qed.

Lemma slopes_real i t : (S i < length rows)%nat -> (t < T)%nat ->
  real (nth i (slopes T rows) nil) t = slope D i t.
Proof.
  intros Hi Ht. unfold real, slopes.
  rewrite (neighbours_nth (slope_between T) rows i (0%Q, nil) nil) by exact Hi.
  unfold slope_between. rewrite vector_of_entry by exact Ht.
  destruct data_valid as [_ L]. specialize (L i Hi).
  unfold D in L. cbn [input data_of] in L.
  rewrite Q2R_div, !Q2R_minus; [reflexivity|].
  intros E. apply Qeq_eqR in E. rewrite Q2R_minus, Q2R_0 in E. lra.
Qed.

Lemma curvatures_length : length (curvatures T rows) = (points D - 2)%nat.
Proof. unfold curvatures, slopes. rewrite !neighbours_length. simpl. lia. Qed.

Lemma curvatures_real i t : (i < points D - 2)%nat -> (t < T)%nat ->
  real (nth i (curvatures T rows) nil) t = curvature D i t.
Proof.
  intros Hi Ht. simpl in Hi. unfold real, curvatures.
  rewrite (neighbours_nth _ _ i nil) by (unfold slopes; rewrite neighbours_length; lia).
  unfold difference. rewrite vector_of_entry, Q2R_minus by exact Ht.
  change (real (nth (S i) (slopes T rows) nil) t - real (nth i (slopes T rows) nil) t
    = curvature D i t).
  rewrite !slopes_real by (auto; lia). reflexivity.
Qed.

Lemma curvature_dot i j : (i < points D - 2)%nat -> (j < points D - 2)%nat ->
  Q2R (rational_dot T (nth i (curvatures T rows) nil) (nth j (curvatures T rows) nil))
  = dot T (curvature D i) (curvature D j).
Proof.
  intros Hi Hj. rewrite rational_dot_real. apply dot_ext; intros; now apply curvatures_real.
Qed.

(** *** The value *)

Let squares := map (fun c => rational_dot T c c) (curvatures T rows).

Lemma squares_length : length squares = (points D - 2)%nat.
Proof. unfold squares. rewrite map_length. apply curvatures_length. Qed.

Lemma squares_real i : (i < points D - 2)%nat ->
  sqrt (Q2R (entry squares i)) = norm T (curvature D i).
Proof.
  intros Hi. unfold norm. rewrite <- curvature_dot by exact Hi. do 2 f_equal.
  unfold entry, squares.
  rewrite (nth_indep _ 0%Q (rational_dot T nil nil)) by (rewrite map_length, curvatures_length; exact Hi).
  now rewrite (map_nth (fun c => rational_dot T c c)).
Qed.

Lemma cost_bound : forallb bounds_hold squares = true -> Q2R (lower_total squares) <= cost D.
Proof.
  intros H. eapply Rle_trans; [now apply totals_real|].
  rewrite squares_length. apply Req_le, sum_ext. intros i Hi. now apply squares_real.
Qed.

(** *** Alignment *)

Lemma aligned_real i : (S i < points D - 2)%nat ->
  rational_aligned T (nth i (curvatures T rows) nil) (nth (S i) (curvatures T rows) nil) = true
  <-> aligned D i.
Proof.
  intros Hi. unfold rational_aligned. rewrite andb_true_iff, Q2R_lt, Q2R_eq, !Q2R_mult, Q2R_0.
  rewrite !curvature_dot by lia. rewrite <- !norm_sqr.
  set (u := curvature D i). set (v := curvature D (S i)).
  pose proof (norm_nonneg T u). pose proof (norm_nonneg T v). split.
  - intros [P E].
    assert (E' : dot T u v = norm T u * norm T v).
    { apply Rsqr_inj; [lra | now apply Rmult_le_pos | unfold Rsqr; rewrite E; ring]. }
    assert (norm T u <> 0) by (intros Z; rewrite Z in E'; lra).
    assert (norm T v <> 0) by (intros Z; rewrite Z in E'; lra).
    split; [now apply some_entry|].
    exists (norm T v / norm T u). split; [apply Rdiv_lt_0_compat; lra|].
    intros t Ht. now apply (equality_case D).
  - intros [[t [Ht Hu]] [r [Hr E]]]. change (outputs D) with T in *. fold u in Hu, E. fold v in E.
    assert (Dv : dot T u v = r * (norm T u * norm T u)).
    { rewrite (dot_ext T u u v (fun t => r * u t)) by auto. now rewrite dot_scale_r, norm_sqr. }
    assert (Nv : norm T v = r * norm T u).
    { rewrite (norm_ext T v (fun t => r * u t)) by auto. rewrite norm_scale, Rabs_pos_eq; lra. }
    assert (0 < norm T u).
    { destruct (Req_dec (norm T u) 0) as [Z|]; [|lra].
      now rewrite (norm_zero_entries T u Z t Ht) in Hu. }
    rewrite Dv, Nv. split; [|ring].
    apply Rmult_lt_0_compat; [exact Hr | now apply Rmult_lt_0_compat].
Qed.

Lemma unique_real :
  forallb negb (neighbours (rational_aligned T) (curvatures T rows)) = true
  <-> forall i, (S i < points D - 2)%nat -> ~ aligned D i.
Proof.
  split.
  - intros H i Hi A. pose proof (forallb_nth _ _ i true H) as B.
    rewrite neighbours_length, curvatures_length in B. specialize (B ltac:(lia)).
    rewrite (neighbours_nth _ _ i nil) in B by (rewrite curvatures_length; lia).
    apply aligned_real in A; [|exact Hi]. rewrite A in B. discriminate.
  - intros H. apply forallb_forall. intros b Hb.
    destruct (In_nth _ _ true Hb) as [i [Hi <-]].
    rewrite neighbours_length, curvatures_length in Hi.
    rewrite (neighbours_nth _ _ i nil) by (rewrite curvatures_length; lia).
    apply negb_true_iff. apply not_true_is_false. intros A.
    apply (H i); [lia|]. apply aligned_real; [lia | exact A].
Qed.

(** If connect-the-dots is not the only solution, some pair of neighbours is aligned. *)
Lemma not_unique_real :
  forallb negb (neighbours (rational_aligned T) (curvatures T rows)) = false ->
  exists i, (S i < points D - 2)%nat /\ aligned D i.
Proof.
  intros H.
  assert (E : existsb (fun b => b) (neighbours (rational_aligned T) (curvatures T rows)) = true).
  { revert H. generalize (neighbours (rational_aligned T) (curvatures T rows)).
    induction l as [|[] l IH]; simpl; [discriminate | reflexivity | exact IH]. }
  apply existsb_exists in E. destruct E as [b [Hb Eb]]. subst b.
  destruct (In_nth _ _ false Hb) as [i [Hi Hn]].
  rewrite neighbours_length, curvatures_length in Hi.
  rewrite (neighbours_nth _ _ i nil) in Hn by (rewrite curvatures_length; lia).
  exists i. split; [lia|]. apply aligned_real; [lia | exact Hn].
Qed.

End Data.

Theorem checker : checker_statement.
Proof.
  intros T rows cert H. unfold check in H. cbv zeta in H. rewrite !andb_true_iff in H.
  destruct H as [[[[[[[[H1 H2] H3] H4] H5] H6] H7] H8] H9].
  apply Nat.leb_le in H1. apply Q2R_le in H6, H8. apply eqb_prop in H9.
  pose proof (data_valid T rows H1 H3) as HD.
  pose proof (cost_bound T rows H1 H3 H7) as L. pose proof (network_norm T cert H5) as U.
  destruct (attained _ HD) as [I C]. change (outputs (data_of T rows)) with T in *.
  unfold proved. cbv zeta.
  split; [exact HD|]. split.
  { intros p Hp. rewrite forallb_forall in H2. now apply Nat.eqb_eq, H2. }
  split.
  { intros i t Hi Ht. apply (fits_real T cert); [|exact Ht]. now apply forallb_nth. }
  split; [lra|]. split; [exact I|]. split.
  { intros f Hf. rewrite C. split; [lra|]. now apply lower_bound. }
  destruct (unique cert).
  - intros f Hf. apply (uniqueness _ HD); [|exact Hf].
    apply unique_real; auto.
  - destruct (not_unique_real T rows H1 H3 (eq_sym H9)) as [i [Hi [[t [Ht Hc]] [r [Hr same]]]]].
    exists (tent (data_of T rows) i r). split.
    + now apply tent_solution.
    + intros S. now apply (tent_differs _ HD i Hi r Hr same t Ht Hc), S.
Qed.
