(** * Example: the theorem about one data set

    Five points, two outputs:

      x =  0       1       2         3           4
      y = (0,0)   (0,0)   (1/2,0)   (3/2,1/2)   (5/2,3/2)

    The curvatures are (1/2, 0), (1/2, 1/2), (0, 1/2), so R(D) = 1 + 1 / sqrt 2 = 1.70710...
    The certificate's network is connect-the-dots. prove.py writes such files from certificates. *)

From Coq Require Import QArith List.
Import ListNotations.
From Formal Require Import Checker Statement CheckerSound.
Open Scope Q_scope.

Definition rows : list row := [
  (0, [0; 0]);
  (1, [0; 0]);
  (2, [1#2; 0]);
  (3, [3#2; 1#2]);
  (4, [5#2; 3#2])
].

Definition cert : certificate := {|
  neurons := [
    (1, -1, [1#2; 0]);
    (1, -2, [1#2; 1#2]);
    (1, -3, [0; 1#2])
  ];
  skip_row := [0; 0];
  offset_row := [0; 0];
  lower := 170710678118 # 100000000000;
  upper := 170710678119 # 100000000000;
  unique := true
|}.

Theorem example : proved 2 rows cert.
Proof. apply checker. vm_compute. reflexivity. Qed.
