(** * What is proved: definitions and statements

    This file is all that a reader has to check by eye. It defines networks, data
    and costs, and states each theorem as a proposition ([..._statement]).
    The other files prove these propositions. (Of Checker.v, which the last statement is
    about, only the first few definitions matter: how data and certificates are written.)

    Source: Nakhleh, Shenouda, Nowak, "The Effects of Multi-Task Learning on ReLU
    Neural Network Functions", arXiv 2410.21696. README.md in this folder says
    which theorem of the paper each statement is.

    How to read Coq:
    - [forall], [exists], [->] (implies), [/\ ] (and), [\/ ] (or), [~] (not) are as in
      mathematics, and [A -> B -> C] means "if A and B, then C";
    - [f x y] is the function f applied to x and y;
    - [S i] is i + 1 for a natural number i, and counting starts at 0;
    - [R] is the type of real numbers, [nat] that of natural numbers. *)

From Coq Require Import Reals QArith Qreals List.
From Formal Require Import Checker.
Open Scope R_scope.

(** ** Sums and vectors *)

(** [sum n f] = f 0 + f 1 + ... + f (n - 1). *)
Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S m => sum m f + f m
  end.

(** A vector is the function from the index of an entry to the entry. Vectors of T
    entries use the indices 0, ..., T - 1; everything below ignores the others. *)
Definition vector := nat -> R.

Definition dot (T : nat) (u v : vector) : R := sum T (fun t => u t * v t).

(** The Euclidean norm. *)
Definition norm (T : nat) (v : vector) : R := sqrt (dot T v v).

(** ** Networks with one input *)

Definition relu (z : R) : R := Rmax 0 z.

(** A network of any finite width K with one input:
      f(x) = sum over k < K of v_k relu(w_k x + b_k)  +  a x + c
    with w_k, b_k real numbers and v_k, a, c vectors. *)
Record network := {
  width : nat;            (* K   *)
  weight : nat -> R;      (* w_k *)
  bias : nat -> R;        (* b_k *)
  output : nat -> vector; (* v_k *)
  skip : vector;          (* a   *)
  offset : vector         (* c   *)
}.

(** [eval f x t] is output t of the network f at the input x. *)
Definition eval (f : network) (x : R) : vector := fun t =>
  sum (width f) (fun k => output f k t * relu (weight f k * x + bias f k))
  + skip f t * x + offset f t.

(** The VV norm of a network with T outputs: the sum over neurons of |w_k| ||v_k||.
    Biases and the skip connection are free. *)
Definition vv_norm (T : nat) (f : network) : R :=
  sum (width f) (fun k => Rabs (weight f k) * norm T (output f k)).

(** The weight-decay penalty: half the sum over neurons of |w_k|^2 + ||v_k||^2. *)
Definition weight_decay (T : nat) (f : network) : R :=
  sum (width f) (fun k => (weight f k ^ 2 + norm T (output f k) ^ 2) / 2).

(** Two networks compute the same function (on all inputs, in the first T outputs). *)
Definition same_function (T : nat) (f g : network) : Prop :=
  forall (x : R) (t : nat), (t < T)%nat -> eval f x t = eval g x t.

(** ** Data *)

(** N points x_0 < ... < x_{N-1} with labels y_0, ..., y_{N-1} of T entries each. *)
Record data := {
  outputs : nat;         (* T   *)
  points : nat;          (* N   *)
  input : nat -> R;      (* x_i *)
  label : nat -> vector  (* y_i *)
}.

(** At least two points, in increasing order. *)
Definition valid (D : data) : Prop :=
  (2 <= points D)%nat /\
  forall i, (S i < points D)%nat -> input D i < input D (S i).

Definition interpolates (f : network) (D : data) : Prop :=
  forall i t, (i < points D)%nat -> (t < outputs D)%nat ->
  eval f (input D i) t = label D i t.

(** The slope between the points i and i + 1, for i = 0, ..., N - 2. *)
Definition slope (D : data) (i : nat) : vector := fun t =>
  (label D (S i) t - label D i t) / (input D (S i) - input D i).

(** The curvature at the point i + 1: the change of slope there, for i = 0, ..., N - 3. *)
Definition curvature (D : data) (i : nat) : vector := fun t =>
  slope D (S i) t - slope D i t.

(** R(D): the sum of the norms of the N - 2 curvatures. *)
Definition cost (D : data) : R :=
  sum (points D - 2) (fun i => norm (outputs D) (curvature D i)).

(** The connect-the-dots network: one neuron per interior point, with its kink there
    and the curvature as its output weight; the affine part is the first chord. *)
Definition connect_the_dots (D : data) : network := {|
  width := points D - 2;
  weight := fun _ => 1;
  bias := fun k => - input D (S k);
  output := fun k => curvature D k;
  skip := slope D 0;
  offset := fun t => label D 0 t - slope D 0 t * input D 0
|}.

(** ** Statements: the optimal cost *)

(** Every interpolating network, of whatever width, costs at least R(D). *)
Definition lower_bound_statement : Prop :=
  forall (D : data) (f : network),
  valid D -> interpolates f D -> cost D <= vv_norm (outputs D) f.

(** The connect-the-dots network interpolates and costs exactly R(D). *)
Definition attained_statement : Prop :=
  forall (D : data), valid D ->
  interpolates (connect_the_dots D) D /\
  vv_norm (outputs D) (connect_the_dots D) = cost D.

(** Both together: the connect-the-dots network is a solution of
    "minimise the VV norm over all interpolating networks of all widths". *)
Definition connect_the_dots_optimal_statement : Prop :=
  forall (D : data), valid D ->
  interpolates (connect_the_dots D) D /\
  forall f, interpolates f D ->
  vv_norm (outputs D) (connect_the_dots D) <= vv_norm (outputs D) f.

(** The network named "connect the dots" deserves the name: between neighbouring points it
    is the chord, and outside it continues the first and the last chord. *)
Definition connects_the_dots_statement : Prop :=
  forall (D : data), valid D -> forall (t : nat),
  (forall i z, (S i < points D)%nat -> input D i <= z <= input D (S i) ->
   eval (connect_the_dots D) z t = label D i t + slope D i t * (z - input D i)) /\
  (forall z, z <= input D 0 ->
   eval (connect_the_dots D) z t = label D 0 t + slope D 0 t * (z - input D 0)) /\
  (forall z, input D (points D - 1) <= z ->
   eval (connect_the_dots D) z t =
   label D (points D - 1) t + slope D (points D - 2) t * (z - input D (points D - 1))).

(** ** Statements: rescaling and weight decay *)

(** Neuron k rescaled by r_k > 0: (w, b, v) becomes (r w, r b, v / r). *)
Definition rescale (r : nat -> R) (f : network) : network := {|
  width := width f;
  weight := fun k => r k * weight f k;
  bias := fun k => r k * bias f k;
  output := fun k t => output f k t / r k;
  skip := skip f;
  offset := offset f
|}.

(** Rescaling changes neither the function nor the VV norm. *)
Definition rescaling_statement : Prop :=
  forall (T : nat) (f : network) (r : nat -> R),
  (forall k, 0 < r k) ->
  same_function T (rescale r f) f /\ vv_norm T (rescale r f) = vv_norm T f.

(** Balanced: |w_k| = ||v_k|| for every neuron. *)
Definition balanced (T : nat) (f : network) : Prop :=
  forall k, (k < width f)%nat -> Rabs (weight f k) = norm T (output f k).

(** The weight-decay penalty is at least the VV norm, with equality for balanced networks only. *)
Definition weight_decay_penalty_statement : Prop :=
  forall (T : nat) (f : network),
  vv_norm T f <= weight_decay T f /\
  (weight_decay T f = vv_norm T f <-> balanced T f).

(** Every function that some network computes with VV norm V is computed by a network of the same
    width and weight-decay penalty V. So least penalty and least VV norm are the same number. *)
Definition balancing_statement : Prop :=
  forall (T : nat) (f : network),
  exists g, width g = width f /\ same_function T g f /\ balanced T g /\
  weight_decay T g = vv_norm T f.

(** So connect-the-dots solves the weight-decay problem in the limit of a small penalty, too:
    R(D) is the least weight-decay penalty of all interpolating networks, of whatever width, and
    a network of width N - 2 that computes connect-the-dots has it. *)
Definition least_weight_decay_statement : Prop :=
  forall (D : data), valid D ->
  (forall f, interpolates f D -> cost D <= weight_decay (outputs D) f) /\
  exists g, width g = (points D - 2)%nat /\ interpolates g D /\
  same_function (outputs D) g (connect_the_dots D) /\ weight_decay (outputs D) g = cost D.

(** ** Statements: stability and uniqueness *)

(** The distance between f and connect-the-dots at the input z. *)
Definition distance (D : data) (f : network) (z : R) : R :=
  norm (outputs D) (fun t => eval f z t - eval (connect_the_dots D) z t).

(** The cosine of the angle between the neighbouring curvatures i and i + 1. If one of them is 0,
    so is their dot product and the cosine (Coq reads p / 0 as p times some number). *)
Definition cosine (D : data) (i : nat) : R :=
  dot (outputs D) (curvature D i) (curvature D (S i))
  / (norm (outputs D) (curvature D i) * norm (outputs D) (curvature D (S i))).

(** An interpolating network whose VV norm exceeds R(D) by at most e is close to connect-the-dots:
    - between the inner points i + 1 and i + 2 within h e / (1 - cosine), where h is their distance
      and the cosine is that of the curvatures at the two;
    - between the first two and between the last two points within h e;
    - at a distance r outside the data within r e. *)
Definition stability_statement : Prop :=
  forall (D : data) (f : network) (e : R),
  valid D -> interpolates f D -> vv_norm (outputs D) f <= cost D + e ->
  let x := input D in
  let N := points D in
  (forall i z, (S i < N - 2)%nat -> cosine D i < 1 -> x (S i) <= z <= x (S (S i)) ->
   distance D f z <= (x (S (S i)) - x (S i)) * e / (1 - cosine D i)) /\
  (forall z, x 0%nat <= z <= x 1%nat -> distance D f z <= (x 1%nat - x 0%nat) * e) /\
  (forall z, x (N - 2)%nat <= z <= x (N - 1)%nat ->
   distance D f z <= (x (N - 1)%nat - x (N - 2)%nat) * e) /\
  (forall z, z <= x 0%nat -> distance D f z <= (x 0%nat - z) * e) /\
  (forall z, x (N - 1)%nat <= z -> distance D f z <= (z - x (N - 1)%nat) * e).

(** The data that a network f fits exactly: the inputs of D with f's own values as labels. *)
Definition fitted (D : data) (f : network) : data := {|
  outputs := outputs D;
  points := points D;
  input := input D;
  label := fun i => eval f (input D i)
|}.

(** A trained network f interpolates only up to residuals of norm at most r. It interpolates [fitted D f]
    exactly, so [stability] bounds its distance from connect-the-dots of those data; on the range of the
    data, connect-the-dots of the labels themselves is no farther than that plus r. *)
Definition residuals_statement : Prop :=
  forall (D : data) (f : network) (r z : R),
  valid D ->
  (forall i, (i < points D)%nat ->
   norm (outputs D) (fun t => eval f (input D i) t - label D i t) <= r) ->
  input D 0 <= z <= input D (points D - 1) ->
  valid (fitted D f) /\ interpolates f (fitted D f) /\
  distance D f z <= distance (fitted D f) f z + r.

(** The neighbouring curvatures i and i + 1 are aligned: neither is 0, and they have the same
    direction. *)
Definition aligned (D : data) (i : nat) : Prop :=
  (exists t, (t < outputs D)%nat /\ curvature D i t <> 0) /\
  exists r, 0 < r /\ forall t, (t < outputs D)%nat -> curvature D (S i) t = r * curvature D i t.

(** A network is a solution if it interpolates and its VV norm is the least possible, R(D). *)
Definition solution (D : data) (f : network) : Prop :=
  interpolates f D /\ vv_norm (outputs D) f = cost D.

(** Connect-the-dots is the only solution (as a function) exactly if no neighbouring curvatures
    are aligned. *)
Definition uniqueness_statement : Prop :=
  forall (D : data), valid D ->
  ((forall f, solution D f -> same_function (outputs D) f (connect_the_dots D))
   <-> (forall i, (S i < points D - 2)%nat -> ~ aligned D i)).

(** ** Statement: theorems about given data sets

    A data set of rational numbers is a list of rows; a row holds the input and the list of the
    labels. [Q2R] reads a rational number as a real one; [nth i l d] is entry i of the list l. *)
Definition data_of (T : nat) (rows : list row) : data := {|
  outputs := T;
  points := length rows;
  input := fun i => Q2R (fst (nth i rows (0%Q, nil)));
  label := fun i t => Q2R (nth t (snd (nth i rows (0%Q, nil))) 0%Q)
|}.

(** The network of a certificate (the record [certificate] in Checker.v). *)
Definition network_of (cert : certificate) : network := {|
  width := length (neurons cert);
  weight := fun k => Q2R (fst (fst (nth k (neurons cert) (0%Q, 0%Q, nil))));
  bias := fun k => Q2R (snd (fst (nth k (neurons cert) (0%Q, 0%Q, nil))));
  output := fun k t => Q2R (nth t (snd (nth k (neurons cert) (0%Q, 0%Q, nil))) 0%Q);
  skip := fun t => Q2R (nth t (skip_row cert) 0%Q);
  offset := fun t => Q2R (nth t (offset_row cert) 0%Q)
|}.

(** What a certificate says about a data set D:
    - D has at least two points, in increasing order, with T labels each;
    - the network of the certificate interpolates, and its VV norm is at most [upper];
    - connect-the-dots interpolates too, and has the least VV norm of all interpolating networks,
      which is at least [lower];
    - [unique] says truly whether connect-the-dots is the only solution. *)
Definition proved (T : nat) (rows : list row) (cert : certificate) : Prop :=
  let D := data_of T rows in
  valid D /\
  (forall p, In p rows -> length (snd p) = T) /\
  interpolates (network_of cert) D /\
  vv_norm T (network_of cert) <= Q2R (upper cert) /\
  interpolates (connect_the_dots D) D /\
  (forall f, interpolates f D ->
   Q2R (lower cert) <= vv_norm T (connect_the_dots D) <= vv_norm T f) /\
  (if unique cert
   then forall f, solution D f -> same_function T f (connect_the_dots D)
   else exists f, solution D f /\ ~ same_function T f (connect_the_dots D)).

(** The program [check] of Checker.v, which computes with rational numbers only, is sound: every
    certificate that it accepts is true. So running it inside Coq on a data set and a certificate
    proves the theorem for that data set. *)
Definition checker_statement : Prop :=
  forall (T : nat) (rows : list row) (cert : certificate),
  check T rows cert = true -> proved T rows cert.
