"""Equations derived from a model's structure, against LaTeX written by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlm_helpers.engine.structure import VariableInfo, build_structure
from mlm_helpers.errors import MLMError
from mlm_helpers.words import equations as eq
from mlm_helpers.words.vocabulary import load_vocabulary

VARIABLES = [
    VariableInfo("g1rscore", 1),
    VariableInfo("famses", 1),
    VariableInfo("famsesc", 1, centered="group"),
    VariableInfo("schsesgdm", 2, centered="grand"),
    VariableInfo("sector", 2, "numeric", ("0", "1"), True),
    VariableInfo("region", 2, "categorical", ("North", "South", "West")),
    VariableInfo("age_y", 1),
    VariableInfo("costs $%", 2),
    VariableInfo("größe", 2),
]
LEVEL2 = {"schsesgdm", "sector", "region", "costs $%", "größe", "C(sector)", "np.log(größe)"}
EX1 = load_vocabulary("ex1")
SES = r"(\mathit{SES}_{ij} - \overline{\mathit{SES}}_{.j})"
SCHSES = r"(\mathit{schses}_j - \overline{\mathit{schses}}_{..})"
UNCONDITIONAL = ["Intercept", "famsesc"]
MODEL2 = ["Intercept", "famsesc", "sector", "famsesc:sector"]
MODEL3 = ["Intercept", "sector", "schsesgdm", "famsesc", "sector:famsesc", "schsesgdm:famsesc"]


def model(columns, random=("Intercept", "famsesc"), blocks=None):
    return build_structure(
        formula="",
        outcome="g1rscore",
        group="schid",
        columns=columns,
        random=random,
        blocks=blocks or [tuple(range(len(random)))],
        level_of=lambda f: 2 if f.split("[")[0] in LEVEL2 else 1,
        variables={v.name: v for v in VARIABLES},
    )


def lines(*rows):
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def test_model_1():
    m = model(UNCONDITIONAL)
    assert eq.level1(m, EX1) == lines(rf"Y_{{ij}} &= \beta_{{0j}} + \beta_{{1j}}\,{SES} + r_{{ij}}")
    assert eq.level2(m, EX1) == lines(
        r"\beta_{0j} &= \gamma_{00} + u_{0j}", r"\beta_{1j} &= \gamma_{10} + u_{1j}"
    )
    assert eq.t_matrix(m, EX1) == (
        r"\mathbf{T} = \begin{pmatrix} \tau_{00} & \tau_{01} \\ \tau_{10} & \tau_{11} \end{pmatrix}"
    )
    assert eq.distributions(m, EX1) == lines(
        r"r_{ij} &\sim N(0, \sigma^2)",
        r"\begin{pmatrix} u_{0j} \\ u_{1j} \end{pmatrix} &\sim MVN(\mathbf{0}, \mathbf{T}), "
        r"\quad \mathbf{T} = \begin{pmatrix} \tau_{00} & \tau_{01} \\ \tau_{10} & \tau_{11} "
        r"\end{pmatrix}",
    )


def test_model_2_and_its_combined_form():
    m = model(MODEL2)
    assert eq.level2(m, EX1) == lines(
        r"\beta_{0j} &= \gamma_{00} + \gamma_{01}\,\mathit{sector}_j + u_{0j}",
        r"\beta_{1j} &= \gamma_{10} + \gamma_{11}\,\mathit{sector}_j + u_{1j}",
    )
    assert eq.combined(m, EX1) == lines(
        r"Y_{ij} &= \gamma_{00} + \gamma_{01}\,\mathit{sector}_j",
        rf"&\quad {{}} + \gamma_{{10}}\,{SES} + \gamma_{{11}}\,(\mathit{{sector}}_j){SES}",
        rf"&\quad {{}} + u_{{0j}} + u_{{1j}}\,{SES} + r_{{ij}}",
    )


def test_model_3_breaks_its_long_line_before_the_second_interaction():
    m = model(MODEL3)
    assert eq.level2(m, EX1) == lines(
        rf"\beta_{{0j}} &= \gamma_{{00}} + \gamma_{{01}}\,\mathit{{sector}}_j"
        rf" + \gamma_{{02}}\,{SCHSES} + u_{{0j}}",
        rf"\beta_{{1j}} &= \gamma_{{10}} + \gamma_{{11}}\,\mathit{{sector}}_j"
        rf" + \gamma_{{12}}\,{SCHSES} + u_{{1j}}",
    )
    assert eq.combined(m, EX1) == lines(
        r"Y_{ij} &= \gamma_{00} + \gamma_{01}\,\mathit{sector}_j"
        rf" + \gamma_{{02}}\,{SCHSES}",
        rf"&\quad {{}} + \gamma_{{10}}\,{SES} + \gamma_{{11}}\,(\mathit{{sector}}_j){SES}",
        rf"&\quad {{}} + \gamma_{{12}}\,{SCHSES}{SES}",
        rf"&\quad {{}} + u_{{0j}} + u_{{1j}}\,{SES} + r_{{ij}}",
    )


def test_random_intercept_only():
    m = model(["Intercept"], ("Intercept",))
    assert eq.level1(m, EX1) == lines(r"Y_{ij} &= \beta_{0j} + r_{ij}")
    assert eq.level2(m, EX1) == lines(r"\beta_{0j} &= \gamma_{00} + u_{0j}")
    assert eq.combined(m, EX1) == lines(r"Y_{ij} &= \gamma_{00} + u_{0j} + r_{ij}")
    assert eq.distributions(m, EX1) == lines(
        r"r_{ij} &\sim N(0, \sigma^2)", r"u_{0j} &\sim N(0, \tau_{00})"
    )


def test_fixed_slope_has_no_u():
    m = model(MODEL2, ("Intercept",))
    assert eq.level2(m, EX1).splitlines()[2] == (
        r"\beta_{1j} &= \gamma_{10} + \gamma_{11}\,\mathit{sector}_j"
    )
    assert "u_{1j}" not in eq.combined(m, EX1)


def test_random_slope_without_fixed_part():
    m = model(["Intercept"], ("Intercept", "famsesc"))
    assert eq.level2(m, EX1).splitlines()[2] == r"\beta_{1j} &= u_{1j}"
    assert eq.combined(m, EX1) == lines(
        rf"Y_{{ij}} &= \gamma_{{00}} + u_{{0j}} + u_{{1j}}\,{SES} + r_{{ij}}"
    )


def test_no_random_intercept():
    m = model(UNCONDITIONAL, ("famsesc",))
    assert eq.level2(m, EX1) == lines(
        r"\beta_{0j} &= \gamma_{00}", r"\beta_{1j} &= \gamma_{10} + u_{1j}"
    )
    assert eq.distributions(m, EX1).splitlines()[2] == r"u_{1j} &\sim N(0, \tau_{11})"


def test_random_coefficients_are_numbered_by_their_equation():
    m = model(["Intercept", "age_y", "famsesc"], ("Intercept", "famsesc"))
    assert eq.level2(m, EX1).splitlines()[2:4] == [
        r"\beta_{1j} &= \gamma_{10} \\",
        r"\beta_{2j} &= \gamma_{20} + u_{2j}",
    ]
    assert r"\tau_{00} & \tau_{02} \\ \tau_{20} & \tau_{22}" in eq.t_matrix(m, EX1)


def test_uncorrelated_coefficients_have_a_diagonal_t():
    m = model(UNCONDITIONAL, blocks=[(0,), (1,)])
    assert eq.t_matrix(m, EX1) == (
        r"\mathbf{T} = \begin{pmatrix} \tau_{00} & 0 \\ 0 & \tau_{11} \end{pmatrix}"
    )


def test_three_random_coefficients():
    m = model(["Intercept", "famsesc", "age_y"], ("Intercept", "famsesc", "age_y"))
    assert eq.t_matrix(m, EX1) == (
        r"\mathbf{T} = \begin{pmatrix} \tau_{00} & \tau_{01} & \tau_{02} \\ "
        r"\tau_{10} & \tau_{11} & \tau_{12} \\ \tau_{20} & \tau_{21} & \tau_{22} \end{pmatrix}"
    )


def test_three_categories_are_two_dummies():
    columns = ["Intercept", "famsesc", "region[T.South]", "region[T.West]"]
    columns += ["famsesc:region[T.South]", "famsesc:region[T.West]"]
    m = model(columns)
    assert eq.level2(m, EX1) == lines(
        r"\beta_{0j} &= \gamma_{00} + \gamma_{01}\,\mathit{South}_j + \gamma_{02}\,\mathit{West}_j"
        r" + u_{0j}",
        r"\beta_{1j} &= \gamma_{10} + \gamma_{11}\,\mathit{South}_j + \gamma_{12}\,\mathit{West}_j"
        r" + u_{1j}",
    )


def test_coded_numbers_as_categories():
    m = model(["Intercept", "C(sector)[T.1]"], ("Intercept",))
    assert r"\gamma_{01}\,\mathit{private}_j" in eq.level2(m, EX1)
    assert r"\gamma_{01}\,[\mathit{sector}_{j} = \text{1}]" in eq.level2(m)


def test_products_within_a_level():
    columns = ["Intercept", "famses", "age_y", "sector", "schsesgdm"]
    m = model([*columns, "famses:age_y", "sector:schsesgdm"], ("Intercept",))
    assert eq.level1(m, EX1) == lines(
        r"Y_{ij} &= \beta_{0j} + \beta_{1j}\,\mathit{SES}_{ij} + \beta_{2j}\,\mathit{age\_y}_{ij}"
        r" + \beta_{3j}\,(\mathit{SES}_{ij})(\mathit{age\_y}_{ij}) + r_{ij}"
    )
    assert rf"\gamma_{{03}}\,(\mathit{{sector}}_j){SCHSES} + u_{{0j}}" in eq.level2(m, EX1)


def test_without_a_vocabulary_columns_stand_as_they_are():
    m = model(["Intercept", "famsesc", "costs $%", "größe", "I(famses ** 2)", "np.log(größe)"])
    text = eq.level1(m) + eq.level2(m)
    for part in (
        r"\beta_{1j}\,\mathit{famsesc}_{ij} +",
        r"\mathit{famses}_{ij}^{2}",
        r"\mathit{costs\ \$\%}_j",
        r"\mathit{\text{größe}}_j",
        r"\log(\mathit{\text{größe}}_{j})",
    ):
        assert part in text


def test_a_column_that_is_not_centered_is_not_drawn_centered():
    m = build_structure(
        formula="",
        outcome="g1rscore",
        group="schid",
        columns=UNCONDITIONAL,
        random=("Intercept",),
        blocks=[(0,)],
        level_of=lambda f: 1,
        variables={v.name: v for v in [VARIABLES[0], VariableInfo("famsesc", 1)]},
    )
    assert r"\overline" not in eq.level1(m, EX1)


def test_highlighted_symbols_are_boxed_and_coloured():
    m = model(MODEL2)
    box = r"{\color{#0072B2}{\boxed{\gamma_{11}}}}\,\mathit{sector}_j"
    assert box in eq.level2(m, EX1, "gamma11")
    assert r"\boxed" not in eq.level2(m, EX1, "tau00")
    assert r"{\color{#0072B2}{\boxed{\tau_{00}}}} & \tau_{01}" in eq.t_matrix(m, EX1, ["τ00"])
    both = eq.t_matrix(m, EX1, ["tau10"])
    assert r"\boxed{\tau_{01}}" in both
    assert r"\boxed{\tau_{10}}" in both
    assert r"\boxed{\gamma_{11}}" in eq.combined(m, EX1, "famsesc:sector")


def test_cross_level_interactions_get_a_named_brace():
    text = eq.combined(model(MODEL3), EX1, "cross-level")
    assert text.count(r"_{\text{cross-level interaction}}") == 2
    assert (
        rf"\underbrace{{\gamma_{{11}}\,(\mathit{{sector}}_j){SES}}}"
        r"_{\text{cross-level interaction}}" in text
    )


def test_values_replace_symbols_with_the_right_signs():
    values = {"gamma00": 94.6495, "gamma01": 6.5148, "famsesc": 7.7031, "gamma11": -3.8923}
    m = model(MODEL2)
    assert eq.level2(m, EX1, values=values) == lines(
        r"\beta_{0j} &= 94.65 + 6.51\,\mathit{sector}_j + u_{0j}",
        r"\beta_{1j} &= 7.70 - 3.89\,\mathit{sector}_j + u_{1j}",
    )
    assert "&= -94.6 +" in eq.level2(m, EX1, values={"gamma00": -94.64}, digits=1)
    assert r"+ 0.00\,\mathit{sector}_j" in eq.level2(m, EX1, values={"gamma01": -0.001})
    assert "12{,}345.00" in eq.level2(m, EX1, values={"gamma00": 12345})
    assert r"& -0.18 \\ -0.18 &" in eq.t_matrix(m, EX1, values={"tau01": -0.18})


def test_unknown_symbols_are_refused():
    with pytest.raises(MLMError, match="The model has no γ12"):
        eq.level2(model(MODEL2), EX1, highlight="gamma12")
    with pytest.raises(MLMError, match=r"no coefficient 'sectr'.*Did you mean 'sector'"):
        eq.level2(model(MODEL2), EX1, values={"sectr": 1.0})


def test_a_fit_fills_in_all_its_estimates():
    from mlm_helpers.engine.fit import fit_mlm

    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(20), 8)
    x = rng.normal(size=160)
    y = 3 + 2 * x + rng.normal(size=20)[g] + rng.normal(size=160)
    fit = fit_mlm("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": g}))
    a, b = fit.fixed_effects["estimate"]
    assert eq.combined(fit, values=fit) == lines(
        rf"Y_{{ij}} &= {a:.2f} + {b:.2f}\,x_{{ij}} + u_{{0j}} + r_{{ij}}"
    )
    tau = fit.T.to_numpy()[0, 0]
    assert f"N(0, {tau:.2f})" in eq.distributions(fit, values=fit)
    assert f"N(0, {fit.sigma2:.2f})" in eq.distributions(fit, values=fit)
