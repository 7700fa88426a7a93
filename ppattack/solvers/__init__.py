"""What attacks are made of: solvers that compute, and solvers that train.

Those that compute are pure functions of tensors and arrays, with no input or output: ``matching``,
``jigsaw``, ``blocks``, ``covariance``, ``known_pairs``, ``any_cipher``, ``folding``,
``global_state`` and ``neuracrypt``. Those that train a network are in ``trained``. Four rooms that
compute also hold a step that trains one: ``blocks.search``, ``folding.learned_fold``,
``global_state.network``, and ``neuracrypt.embedding`` and ``neuracrypt.surrogate``.

One rule tells them apart: whatever trains takes a :class:`~ppattack.attack.Context`, which gives it
the device, the seed, checkpoints and progress.
"""
