(** * A checker for certificates about data sets of rational numbers

    [check T rows certificate] decides in exact rational arithmetic whether the certificate is right
    about the data set that [rows] lists. CheckerSound.v proves that the answer [true] can be
    believed (statement [checker_statement] in Statement.v), so nobody needs to read the programs
    here; only [row], [neuron_row] and [certificate] occur in the statement. *)

From Coq Require Import QArith Qround ZArith List Bool.
Import ListNotations.
Open Scope Q_scope.

(** A data point: the input and the list of its T labels. *)
Notation row := (Q * list Q)%type.

(** A neuron: w, b and the list of the T entries of v. *)
Notation neuron_row := (Q * Q * list Q)%type.

Record certificate := {
  neurons : list neuron_row; (* a network: its neurons, *)
  skip_row : list Q;         (* the vector a of its skip connection, *)
  offset_row : list Q;       (* and its offset c *)
  lower : Q;                 (* a lower bound on the least VV norm of all interpolating networks *)
  upper : Q;                 (* an upper bound on the VV norm of the network above *)
  unique : bool              (* whether connect-the-dots is the only solution *)
}.

(** ** Arithmetic *)

Definition entry (v : list Q) (t : nat) : Q := nth t v 0.

Definition vector_of (T : nat) (f : nat -> Q) : list Q := map (fun t => Qred (f t)) (seq 0 T).

(** p + q in lowest terms; nothing is done if q is 0. *)
Definition add (p q : Q) : Q := match Qnum q with Z0 => p | _ => Qred (p + q) end.

Fixpoint rational_sum (n : nat) (f : nat -> Q) : Q :=
  match n with
  | O => 0
  | S m => add (rational_sum m f) (f m)
  end.

Definition rational_dot (T : nat) (u v : list Q) : Q :=
  rational_sum T (fun t => entry u t * entry v t).

(** Bounds for the square root of q: the root itself if it is rational, else neighbouring multiples
    of a power of 1/2, chosen for 128 binary digits. *)
Definition root_bounds (q : Q) : Q * Q :=
  let product := (Qnum q * Zpos (Qden q))%Z in
  let root := Z.sqrt product in
  if Z.eqb (root * root) product then (Qred (root # Qden q), Qred (root # Qden q))
  else
    let bits := Z.max 0 (128 - (Z.log2 (Qnum q) - Z.log2 (Zpos (Qden q))) / 2) in
    let s := Z.sqrt (Qfloor (q * inject_Z (4 ^ bits))) in
    let unit := Z.to_pos (2 ^ bits) in
    (s # unit, s + 1 # unit).

(** They are not taken on trust: low >= 0, low^2 <= q, high >= 0 and q <= high^2 are checked. *)
Definition bounds_hold (q : Q) : bool :=
  let (low, high) := root_bounds q in
  Qle_bool 0 low && Qle_bool (low * low) q && Qle_bool 0 high && Qle_bool q (high * high).

(** ** The data *)

(** [f] applied to all pairs of neighbours in a list. *)
Fixpoint neighbours {A B : Type} (f : A -> A -> B) (l : list A) : list B :=
  match l with
  | [] => []
  | a :: rest =>
      match rest with
      | [] => []
      | b :: _ => f a b :: neighbours f rest
      end
  end.

Definition slope_between (T : nat) (p q : row) : list Q :=
  vector_of T (fun t => (entry (snd q) t - entry (snd p) t) / (fst q - fst p)).

Definition difference (T : nat) (s s' : list Q) : list Q :=
  vector_of T (fun t => entry s' t - entry s t).

Definition slopes (T : nat) (rows : list row) : list (list Q) := neighbours (slope_between T) rows.

Definition curvatures (T : nat) (rows : list row) : list (list Q) :=
  neighbours (difference T) (slopes T rows).

(** Two vectors are aligned if <u, v> > 0 and <u, v>^2 = ||u||^2 ||v||^2. *)
Definition rational_aligned (T : nat) (u v : list Q) : bool :=
  let d := rational_dot T u v in
  negb (Qle_bool d 0) && Qeq_bool (d * d) (rational_dot T u u * rational_dot T v v).

(** ** The network of the certificate *)

Definition activation (x : Q) (n : neuron_row) : Q :=
  let z := Qred (fst (fst n) * x + snd (fst n)) in
  if Qle_bool z 0 then 0 else z.

(** Whether the network's outputs at the point p are the labels there. *)
Definition fits (T : nat) (cert : certificate) (p : row) : bool :=
  let active := map (activation (fst p)) (neurons cert) in
  let weights := map snd (neurons cert) in
  forallb (fun t =>
    Qeq_bool (entry (snd p) t)
      (rational_sum (length (neurons cert)) (fun k => entry (nth k weights []) t * entry active k)
       + entry (skip_row cert) t * fst p + entry (offset_row cert) t))
    (seq 0 T).

(** |w|^2 ||v||^2 *)
Definition neuron_square (T : nat) (n : neuron_row) : Q :=
  fst (fst n) * fst (fst n) * rational_dot T (snd n) (snd n).

(** ** The checker *)

Definition lower_total (squares : list Q) : Q :=
  rational_sum (length squares) (fun i => fst (root_bounds (entry squares i))).

Definition upper_total (squares : list Q) : Q :=
  rational_sum (length squares) (fun i => snd (root_bounds (entry squares i))).

Definition check (T : nat) (rows : list row) (cert : certificate) : bool :=
  let bends := curvatures T rows in
  let data_squares := map (fun c => rational_dot T c c) bends in
  let network_squares := map (neuron_square T) (neurons cert) in
  Nat.leb 2 (length rows)
  && forallb (fun p => Nat.eqb (length (snd p)) T) rows
  && forallb (fun b => b) (neighbours (fun p q => negb (Qle_bool (fst q) (fst p))) rows)
  && forallb (fits T cert) rows
  && forallb bounds_hold network_squares
  && Qle_bool (upper_total network_squares) (upper cert)
  && forallb bounds_hold data_squares
  && Qle_bool (lower cert) (lower_total data_squares)
  && Bool.eqb (unique cert) (forallb negb (neighbours (rational_aligned T) bends)).
