internal import JSON

/// Keys of `config.json` that no family's table names (`formats/hf.md` §3).
enum HuggingFaceKeys {
  /// Keys that say nothing about the forward pass: files, training, generation, tokens.
  static let inert: Set<String> = [
    "architectures", "model_type", "auto_map", "transformers_version", "_name_or_path",
    "name_or_path", "_commit_hash", "torch_dtype", "dtype", "quantization_config",
    "transformers.js_config", "unsloth_version", "unsloth_fixed", "license", "custom_pipelines",
    "trust_remote_code",
    "attn_implementation", "_attn_implementation", "_attn_implementation_internal",
    "_attn_implementation_autoset", "_flash_attn_2_enabled", "_experts_implementation",
    "use_cache", "cache_implementation", "use_return_dict", "return_dict", "torchscript",
    "output_attentions", "output_hidden_states", "use_bfloat16", "tf_legacy_loss",
    "chunk_size_feed_forward", "gradient_checkpointing", "pretraining_tp",
    // Training.
    "initializer_range", "initializer_factor", "attention_dropout", "hidden_dropout", "resid_pdrop",
    "embd_pdrop", "attn_pdrop", "residual_dropout", "embedding_dropout", "classifier_dropout",
    "keys_to_ignore_at_inference", "neftune_noise_alpha",
    // Tokens.
    "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id", "cls_token_id",
    "mask_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id",
    "tokenizer_class", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens",
    // Tasks.
    "id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params",
    "prefix",
    // Generation, which old files keep here.
    "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
    "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty",
    "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
    "num_return_sequences", "output_scores", "return_dict_in_generate", "remove_invalid_values",
    "exponential_decay_length_penalty", "max_new_tokens",
    // Read with the tensors or for every family alike.
    "vocab_size", "rope_theta", "rope_scaling", "rope_parameters", "layer_types", "sliding_window",
    "original_max_position_embeddings",
  ]

  /// Keys that would change the forward pass unless they hold one of these values, or null.
  static let neutral: [String: [JSONValue]] = [
    "is_encoder_decoder": [false], "is_decoder": [false, true], "add_cross_attention": [false],
    "tie_encoder_decoder": [false], "pruned_heads": [[:]], "compression_config": [],
    "partial_rotary_factor": [1], "attn_logit_softcapping": [], "final_logit_softcapping": [],
    "logit_scale": [], "logits_scaling": [1], "embedding_multiplier": [1],
    "residual_multiplier": [1], "attention_multiplier": [], "num_local_experts": [],
    "num_experts": [], "no_rope_layers": [], "use_qk_norm": [false], "qk_layernorm": [false],
    "use_sliding_window": [false], "attention_bias": [false], "mlp_bias": [false],
    "use_bidirectional_attention": [false], "tie_word_embeddings": [false],
  ]
}
